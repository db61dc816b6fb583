// Owns: what a first read saw that only a second one, far enough from it, may make an event (DESIGN section 5). Pure but
// for its map; the time is passed in.
import type { SecretKey } from "@keyferry/contracts";
import type { ConfirmReason } from "../diff/diff.ts";

export interface ConfirmDelays {
  /** After a hint of that very operation. */
  readonly hintedMs: number;
  readonly unhintedMs: number;
}

export const CONFIRM_DELAYS: ConfirmDelays = { hintedMs: 2_000, unhintedMs: 30_000 };

interface Doubt {
  readonly why: ConfirmReason;
  readonly firstReadAt: number;
  hinted: boolean;
}

export class Confirmations {
  readonly #delays: ConfirmDelays;
  readonly #doubts = new Map<SecretKey, Doubt>();

  constructor(delays: ConfirmDelays) {
    this.#delays = delays;
  }

  get size(): number {
    return this.#doubts.size;
  }

  /** When the read that may confirm this can begin. The first call for a reason sets the time from which it counts. */
  confirmableAt(key: SecretKey, why: ConfirmReason, readStartedAt: number, deletionHinted: boolean): number {
    const known = this.#doubts.get(key);
    const doubt = known?.why === why ? known : { why, firstReadAt: readStartedAt, hinted: false };
    // Only deleting the metadata makes a secret vanish or begin anew; nothing that is hinted makes one go back.
    doubt.hinted ||= deletionHinted && why !== "regressed";
    this.#doubts.set(key, doubt);
    return doubt.firstReadAt + (doubt.hinted ? this.#delays.hintedMs : this.#delays.unhintedMs);
  }

  /** A read saw something else, or it was published. */
  clear(key: SecretKey): void {
    this.#doubts.delete(key);
  }
}
