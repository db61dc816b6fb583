// Owns: which tokens were used too late to count for when they were taken. A sliding window at the vault sees when
// requests come; the bucket knows when tokens were taken. While that lies as long apart for all of them, the two agree;
// a stall between the two (a cold process, a slow look before the write) makes many of them come at once (hazard
// jitter-at-the-ceiling). Pure but for its own memory.

/** Uses that tell what is usual; at first all are taken to be prompt, so that a cold start counts as a stall. */
const REMEMBERED = 32;
/** 0.2 s of 28.5 a second are six more in a window; 290 + 6 leaves as much again to the network. */
const LATE_MS = 200;

export class Lateness {
  readonly #lags: number[] = Array.from({ length: REMEMBERED }, () => 0);
  #next = 0;

  /** Whether a token that was used so long after it was taken came late, by what is usual of late. */
  isLate(lagMs: number): boolean {
    const isLate = lagMs - Math.min(...this.#lags) > LATE_MS;
    this.#lags[this.#next] = lagMs;
    this.#next = (this.#next + 1) % REMEMBERED;
    return isLate;
  }
}
