// Owns: an audit file to hints. Stateless: one runs beside each node of the source, and what it can't read becomes
// "sweep needed", which travels as a hint without a path. No line and nothing of its data leaves this file (P5).
import type { Clock } from "@keyferry/ports";
import { parseAuditLine } from "@keyferry/vault-client";
import type { DetectorEvents } from "../events.ts";
import type { HintChannel } from "../ports.ts";
import { AuditTail } from "./audit-tail.ts";
import { lookAtAll, lookAtMount } from "./wide-hints.ts";

export interface AuditCollectorParts {
  readonly path: string;
  readonly clock: Clock;
  readonly hints: HintChannel;
  readonly events: DetectorEvents;
}

export class AuditCollector {
  readonly #parts: AuditCollectorParts;
  readonly #tail: AuditTail;

  constructor(parts: AuditCollectorParts) {
    this.#parts = parts;
    this.#tail = new AuditTail({
      path: parts.path,
      clock: parts.clock,
      onLine: (line) => this.#onLine(line),
      onGap: (why) => this.#gap(why),
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

  #onLine(line: string): void {
    const { hints } = this.#parts;
    const verdict = parseAuditLine(line);
    switch (verdict.kind) {
      case "nothing":
        return;
      case "hint":
        return hints.publish(verdict.hint);
      case "sweep-mount":
        return hints.publish(lookAtMount(verdict, "audit-file"));
      case "topology":
        return hints.publish(lookAtAll("audit-file"));
      case "unreadable":
        return this.#gap("unreadable-line");
      default:
        return verdict satisfies never;
    }
  }

  #gap(why: string): void {
    const { hints, events } = this.#parts;
    events.hintGap({ channel: "audit-file", why });
    hints.publish(lookAtAll("audit-file"));
  }
}
