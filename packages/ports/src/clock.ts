import { setTimeout as delay } from "node:timers/promises";

/** Time as the services see it: a port, so that the same code runs on a virtual clock. */
export interface Clock {
  /** Milliseconds since 1970, as `Date.now()`. */
  now(): number;
  /** Resolves after `ms`, or rejects with the signal's reason when it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

// Node turns a delay above 2^31 - 1 ms into 1 ms (hazard timer-beyond-24-days), so long sleeps are made of ticks.
const TICK_MS_MAX = 3_600_000;

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    const end = performance.now() + ms;
    for (let left = ms; left > 0; left = end - performance.now()) {
      await delay(Math.min(left, TICK_MS_MAX), undefined, signal ? { signal } : {});
    }
    signal?.throwIfAborted();
  },
};
