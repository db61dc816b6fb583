// Owns: calling back at times, for any number of them, by one sleep at a time on the clock port.
import type { Clock } from "@keyferry/ports";
import { TimeHeap } from "./heap.ts";
import { WakeableSleep } from "./wakeable-sleep.ts";

// Node fires a timer of more than 2^31 - 1 ms at once (hazard timer-beyond-24-days); an hour also bounds what a step of
// the machine's clock can cost.
const TICK_MS_MAX = 3_600_000;

export class Alarm<T> {
  readonly #clock: Clock;
  readonly #onDue: (value: T) => void;
  readonly #heap = new TimeHeap<T>();
  readonly #sleep: WakeableSleep;

  constructor(clock: Clock, onDue: (value: T) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
    this.#sleep = new WakeableSleep(clock);
  }

  get size(): number {
    return this.#heap.size;
  }

  /** Calls back with `value` at `at` (milliseconds since 1970) or as soon after as the loop runs. */
  set(at: number, value: T): void {
    const { earliest } = this.#heap;
    this.#heap.push(at, value);
    if (earliest === undefined || at < earliest) this.#sleep.wake();
  }

  /** The loop. Ends when `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (let due = this.#popDue(); due !== undefined; due = this.#popDue()) this.#onDue(due.value);
      const { earliest } = this.#heap;
      const waitMs = earliest === undefined ? TICK_MS_MAX : Math.max(0, earliest - this.#clock.now());
      await this.#sleep.sleep(Math.min(waitMs, TICK_MS_MAX), signal);
    }
  }

  #popDue(): { value: T } | undefined {
    const value = this.#heap.popDue(this.#clock.now());
    return value === undefined ? undefined : { value };
  }
}
