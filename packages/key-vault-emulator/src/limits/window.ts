// Owns: whether one more call fits into a window of time. Pure: the time comes in, and never goes back.
// Whether Azure's window slides or is fixed is not documented, so there are both.

export interface RateWindow {
  /** True where one more call fits now. Changes nothing. */
  fits(nowMs: number): boolean;
  /** Counts one call, whether it fits or not. */
  count(nowMs: number): void;
  /** How many calls are counted in the window that is open now. */
  used(nowMs: number): number;
}

/** At most `limit` calls in any `windowMs`: the call `limit` calls ago must be a whole window old. */
export class SlidingWindow implements RateWindow {
  readonly #limit: number;
  readonly #windowMs: number;
  /** A ring of the last `limit` counted times. */
  readonly #times: number[] = [];
  #next = 0;

  constructor(limit: number, windowMs: number) {
    this.#limit = limit;
    this.#windowMs = windowMs;
  }

  fits(nowMs: number): boolean {
    if (this.#limit <= 0) return false;
    if (this.#times.length < this.#limit) return true;
    const oldest = this.#times[this.#next];
    return oldest === undefined || nowMs - oldest >= this.#windowMs;
  }

  count(nowMs: number): void {
    if (this.#limit <= 0) return;
    if (this.#times.length < this.#limit) {
      this.#times.push(nowMs);
      return;
    }
    this.#times[this.#next] = nowMs;
    this.#next = (this.#next + 1) % this.#limit;
  }

  used(nowMs: number): number {
    return this.#times.reduce((sum, time) => (nowMs - time < this.#windowMs ? sum + 1 : sum), 0);
  }
}

/** At most `limit` calls in each window of `windowMs`, windows starting at multiples of it. */
export class FixedWindow implements RateWindow {
  readonly #limit: number;
  readonly #windowMs: number;
  #index = -1;
  #count = 0;

  constructor(limit: number, windowMs: number) {
    this.#limit = limit;
    this.#windowMs = windowMs;
  }

  fits(nowMs: number): boolean {
    return this.used(nowMs) < this.#limit;
  }

  count(nowMs: number): void {
    const index = Math.floor(nowMs / this.#windowMs);
    this.#count = index === this.#index ? this.#count + 1 : 1;
    this.#index = index;
  }

  used(nowMs: number): number {
    return Math.floor(nowMs / this.#windowMs) === this.#index ? this.#count : 0;
  }
}
