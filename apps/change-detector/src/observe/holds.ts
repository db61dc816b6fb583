// Owns: which mounts are held back now and why, for people: the API reads the report (P7, O24). Does not own: deciding
// it. Invariant: what a whole sweep didn't meet any more is no longer held.
import type { HeldMount, HeldReason, SourceReport } from "@keyferry/contracts";
import { toKeyferryError, type KeyferryError } from "@keyferry/errors";
import type { Clock } from "@keyferry/ports";
import type { HeldChange, MountAddress, ReportSink } from "../ports.ts";

const HELD_MAX = 1_000; // as many mounts as a configuration can name; a report is one message
const WRITE_TRIES = 3; // then the next change, or the next sweep, writes it

export interface HoldsParts {
  readonly clock: Clock;
  /** Absent: nobody is told but the log. */
  readonly sink: ReportSink | undefined;
  readonly onFailure: (error: KeyferryError) => void;
}

interface Held {
  readonly mount: HeldMount;
  round: number;
}

export class Holds {
  readonly #parts: HoldsParts;
  readonly #held = new Map<string, Held>();
  #moved: SourceReport["moved"] = [];
  #round = 0;
  #written: string | undefined;
  #isWriting = false;
  #isTold = false;

  constructor(parts: HoldsParts) {
    this.#parts = parts;
  }

  add({ namespace, mount }: MountAddress, why: HeldReason, change: HeldChange = null): void {
    const id = JSON.stringify([namespace, mount]);
    const known = this.#held.get(id);
    const isSame = known?.mount.why === why && JSON.stringify(known.mount.change) === JSON.stringify(change);
    if (isSame) {
      known.round = this.#round;
      return;
    }
    if (known === undefined && this.#held.size >= HELD_MAX) return;
    const since = new Date(this.#parts.clock.now()).toISOString();
    this.#held.set(id, { mount: { namespace, mount, why, since, change }, round: this.#round });
    if (this.#isTold) void this.#write();
  }

  /** A whole sweep begins, over these mounts besides those that stand where they are associated. */
  sweepStarts(moved: SourceReport["moved"]): void {
    this.#round += 1;
    this.#moved = [...moved];
  }

  /** It came to its end: what it met is all that is held. */
  async sweepEnds(): Promise<void> {
    for (const [id, { round }] of this.#held) if (round < this.#round) this.#held.delete(id);
    this.#isTold = true;
    await this.#write();
  }

  async #write(): Promise<void> {
    const { sink, onFailure } = this.#parts;
    if (sink === undefined || this.#isWriting) return;
    this.#isWriting = true;
    for (let tried = 0; tried < WRITE_TRIES; tried += 1) {
      const report = { held: [...this.#held.values()].map(({ mount }) => mount), moved: this.#moved };
      const text = JSON.stringify(report);
      if (text === this.#written) break;
      try {
        await sink.write(report);
        this.#written = text; // what changed meanwhile is another round's
      } catch (thrown) {
        onFailure(toKeyferryError(thrown));
      }
    }
    this.#isWriting = false;
  }
}
