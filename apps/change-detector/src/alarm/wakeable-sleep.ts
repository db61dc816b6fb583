import type { Clock } from "@keyferry/ports";

/**
 * A sleep of one loop that others can end. It registers with the long-lived signal only while it sleeps: a loop that
 * wakes with every audit line would otherwise leave something behind on that signal each time.
 */
export class WakeableSleep {
  readonly #clock: Clock;
  #sleeping: AbortController | undefined;
  #isWoken = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Ends the running sleep, or else the next one as soon as it begins. */
  wake(): void {
    this.#isWoken = true;
    this.#sleeping?.abort();
  }

  /** Resolves after `ms`, when woken, or when `signal` aborts; the caller looks which. */
  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#isWoken && !signal.aborted) {
      const sleeping = new AbortController();
      const end = (): void => sleeping.abort();
      this.#sleeping = sleeping;
      signal.addEventListener("abort", end, { once: true });
      await this.#clock.sleep(ms, sleeping.signal).catch(() => undefined); // woken, or to end
      signal.removeEventListener("abort", end);
      this.#sleeping = undefined;
    }
    this.#isWoken = false;
  }
}
