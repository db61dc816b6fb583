// Owns: the epoch that commands carry, and noticing that a stream was made anew or lost its tail. The decision is
// next-epoch.ts. Does not own what follows from a new epoch: its listener makes the durables anew, and settles.

import { isDeepStrictEqual } from "node:util";
import { KeyferryError } from "@keyferry/errors";
import type { EpochRecord, SyncRecord } from "@keyferry/contracts";
import type { Clock } from "@keyferry/ports";
import type { ServiceEvents } from "../events.ts";
import type { BusPort, TableView } from "../ports.ts";
import { decideEpoch, epochOf, latestOf, type ProofOfLoss } from "./next-epoch.ts";

const KEY = "epoch";
// A few services may start at once; whoever loses reads what the winner wrote and usually has nothing to do.
const ATTEMPTS_MAX = 10;

export interface EpochKeeperOptions {
  readonly bus: Pick<BusPort, "epochs" | "streamInfo">;
  readonly results: TableView<SyncRecord>;
  readonly clock: Clock;
  readonly events: ServiceEvents;
}

export class EpochKeeper {
  readonly #options: EpochKeeperOptions;
  #current = 0;
  // The stored record is restored together with the streams; what this process has seen is not.
  #seen: EpochRecord | undefined;

  constructor(options: EpochKeeperOptions) {
    this.#options = options;
  }

  /** The epoch of commands that are published now; 0 before the first check. */
  get current(): number {
    return this.#current;
  }

  /**
   * Compares the streams with what was known of them, and records how far they are. `proof`: a loss that was seen
   * elsewhere.
   * @returns true if the epoch is another one than before this call (not at the first one, which finds or makes it)
   * @throws KeyferryError `bus-*`, `conflict`
   */
  async check(signal?: AbortSignal, proof?: ProofOfLoss): Promise<boolean> {
    const { bus, results, clock, events } = this.#options;
    await results.caughtUp(signal);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const known = await bus.epochs.get(KEY);
      const streams = await bus.streamInfo();
      const decision = decideEpoch(
        latestOf(known?.value, this.#seen),
        streams,
        this.#highestSeen(),
        clock.now(),
        proof,
      );
      if (decision.kind === "same" && isDeepStrictEqual(known?.value, decision.record)) {
        this.#seen = decision.record;
        return this.#adopt(decision.record.epoch);
      }
      const result = await bus.epochs.put(KEY, decision.record, known?.sequence ?? 0);
      if (result.kind === "lost") {
        events.casLost("epoch");
        continue;
      }
      this.#seen = decision.record;
      const changed = this.#adopt(decision.record.epoch);
      if (decision.kind === "raised") events.epochChanged({ epoch: this.#current, why: decision.why });
      return changed || decision.kind === "raised";
    }
    throw new KeyferryError("conflict", "Others kept writing the epoch");
  }

  #adopt(epoch: number): boolean {
    const before = this.#current;
    this.#current = epoch;
    return before !== 0 && before !== epoch;
  }

  #highestSeen(): number {
    let highest = 0;
    for (const [, { value }] of this.#options.results.entries()) {
      highest = Math.max(highest, epochOf(value));
    }
    return highest;
  }
}
