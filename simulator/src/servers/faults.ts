// Owns: what goes wrong at the vaults now. Does not own: when (script/), the network (network.ts).
import type { SeededRandom } from "../time/random.ts";

export class Faults {
  readonly #random: SeededRandom;
  /** Chance of a 500 that had no effect, and of one that had. */
  vaultErrors = 0;
  isDenied = false;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  vaultFailure(_operation: string, writes: boolean): "before" | "after" | "denied" | undefined {
    if (this.isDenied && writes) return "denied";
    if (this.vaultErrors === 0 || !this.#random.chance(this.vaultErrors)) return undefined;
    return this.#random.chance(0.5) ? "before" : "after";
  }
}
