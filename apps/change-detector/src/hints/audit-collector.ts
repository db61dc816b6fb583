// Owns: an audit file to hints. Stateless: one runs beside each node of the source.
import type { Clock } from "@keyferry/ports";
import type { DetectorEvents } from "../events.ts";
import type { HintChannel } from "../ports.ts";
import { AuditTail } from "./audit-tail.ts";
import { LineHints } from "./line-hints.ts";

export interface AuditCollectorParts {
  readonly path: string;
  readonly clock: Clock;
  readonly hints: HintChannel;
  readonly events: Pick<DetectorEvents, "hintGap" | "auditFile">;
}

export class AuditCollector {
  readonly #tail: AuditTail;

  constructor(parts: AuditCollectorParts) {
    const lines = new LineHints({ channel: "audit-file", hints: parts.hints, events: parts.events });
    this.#tail = new AuditTail({
      path: parts.path,
      clock: parts.clock,
      onLine: (line) => lines.take(line),
      onGap: (why) => lines.gap(why),
      onState: (state) => parts.events.auditFile({ state, path: parts.path }),
    });
  }

  /** Takes the file's end as the place from which hints count. Call it before the start's sweep begins. */
  open(): Promise<void> {
    return this.#tail.open();
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#tail.run(signal);
  }
}
