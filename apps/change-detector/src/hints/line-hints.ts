// Owns: lines of an audit device to hints, whichever way they came. What can't be read, and what may have been missed,
// becomes "sweep needed", which travels as a hint without a path. No line and nothing of its data leaves this file (P5).
import type { Hint } from "@keyferry/contracts";
import { parseAuditLine } from "@keyferry/vault-client";
import type { DetectorEvents } from "../events.ts";
import type { HintChannel } from "../ports.ts";
import { lookAtAll, lookAtMount } from "./wide-hints.ts";

export type AuditChannel = Extract<Hint["channel"], "audit-file" | "audit-socket" | "audit-http">;

export interface LineHintsParts {
  readonly channel: AuditChannel;
  readonly hints: Pick<HintChannel, "publish">;
  readonly events: Pick<DetectorEvents, "hintGap">;
}

export class LineHints {
  readonly #parts: LineHintsParts;

  constructor(parts: LineHintsParts) {
    this.#parts = parts;
  }

  /** One line, without its line feed. */
  take(line: string): void {
    const { hints, channel } = this.#parts;
    const verdict = parseAuditLine(line);
    switch (verdict.kind) {
      case "nothing":
        return;
      case "hint":
        return hints.publish({ ...verdict.hint, channel });
      case "sweep-mount":
        return hints.publish(lookAtMount(verdict, channel));
      case "topology":
        return hints.publish(lookAtAll(channel));
      case "unreadable":
        return this.gap("unreadable-line");
      default:
        return verdict satisfies never;
    }
  }

  /** Something may have been missed. */
  gap(why: string): void {
    const { hints, events, channel } = this.#parts;
    events.hintGap({ channel, why });
    hints.publish(lookAtAll(channel));
  }
}
