// Owns: what time it is inside the vaults (states of deletion, limits, `created`, `updated`).
// Does not own: the life of tokens and the delays of faults. Clients measure those with their own clock, so they run
// in real time.
// Invariant: time never goes back.

/** The vaults' clock: real time plus what tests have added, or standing still. */
export class VirtualClock {
  #offsetMs: number;
  #frozenAtMs: number | undefined;

  constructor(offsetMs = 0) {
    this.#offsetMs = offsetMs;
  }

  /** Milliseconds since 1970, in the vaults' time. */
  nowMs(): number {
    return this.#frozenAtMs ?? Date.now() + this.#offsetMs;
  }

  /** How far the vaults' time is ahead of real time, in milliseconds. */
  get offsetMs(): number {
    return this.nowMs() - Date.now();
  }

  get frozen(): boolean {
    return this.#frozenAtMs !== undefined;
  }

  /** Moves time forward. Throws a RangeError for anything but a finite number of at least 0. */
  advance(ms: number): void {
    if (!Number.isFinite(ms) || ms < 0)
      throw new RangeError("the clock only goes forward: advance by 0 ms or more");
    if (this.#frozenAtMs === undefined) this.#offsetMs += ms;
    else this.#frozenAtMs += ms;
  }

  /** Stops time; only `advance` moves it from now on. */
  freeze(): void {
    this.#frozenAtMs ??= this.nowMs();
  }

  /** Lets time run again from where it stands. */
  resume(): void {
    if (this.#frozenAtMs === undefined) return;
    this.#offsetMs = this.#frozenAtMs - Date.now();
    this.#frozenAtMs = undefined;
  }

  /** Goes forward to at least this time; an earlier one is ignored. */
  advanceTo(ms: number): void {
    const gapMs = ms - this.nowMs();
    if (gapMs > 0) this.advance(gapMs);
  }
}
