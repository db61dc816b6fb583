// Time that a test can move: minutes of waiting cost it nothing. It runs on by itself like the machine's.
import { type Clock, systemClock } from "@keyferry/ports";

export class SteppingClock implements Clock {
  #offsetMs = 0;

  /** How far it is ahead of the machine's clock. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  now(): number {
    return systemClock.now() + this.#offsetMs;
  }

  /** In real time: nothing in these tests sleeps for long. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }

  advance(ms: number): void {
    this.#offsetMs += ms;
  }
}
