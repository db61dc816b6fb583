// Owns: virtual time, and what happens next. One thing at a time: an event runs, then everything that it set going and
// that waits for nothing (microtasks), then the next event. So all code that runs between two events belongs to the
// process of the first, and the same seed gives the same order.
import type { SimulatedProcess } from "./process.ts";

interface Scheduled {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  /** Whose code it runs; undefined: a server's, which never waits for a promise. */
  readonly process: SimulatedProcess | undefined;
  isOff: boolean;
}

export type Cancel = () => void;

export class Scheduler {
  readonly #heap: Scheduled[] = [];
  #now: number;
  #order = 0;
  #running: SimulatedProcess | undefined;
  /** Events so far; for figures. */
  events = 0;

  constructor(now: number) {
    this.#now = now;
  }

  get now(): number {
    return this.#now;
  }

  /** The process whose code runs now. */
  get running(): SimulatedProcess | undefined {
    return this.#running;
  }

  /** Runs `run` after `delayMs`; of a process: when it isn't stopped, and never if it is dead by then. */
  after(delayMs: number, process: SimulatedProcess | undefined, run: () => void): Cancel {
    const delay = Number.isFinite(delayMs) ? Math.max(0, delayMs) : 0;
    const item: Scheduled = { at: this.#now + delay, order: this.#order, run, process, isOff: false };
    this.#order += 1;
    this.#push(item);
    return () => {
      item.isOff = true;
    };
  }

  /** Runs events until `until`, or until `isOver` says so. */
  async run(until: number, isOver: () => boolean): Promise<void> {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.at > until) break;
      this.#pop();
      if (next.isOff) continue;
      this.#now = Math.max(this.#now, next.at);
      const { process } = next;
      if (process === undefined) {
        next.run();
      } else if (!process.isDead) {
        if (process.isStopped) {
          process.park(next.run);
          continue;
        }
        this.events += 1;
        this.#running = process;
        next.run();
        await drained();
        this.#running = undefined;
      }
      if (isOver()) return;
    }
    this.#now = Math.max(this.#now, until);
  }

  #push(item: Scheduled): void {
    const heap = this.#heap;
    heap.push(item);
    let index = heap.length - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(item, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = item;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      const left = heap[child];
      const right = heap[child + 1];
      if (left === undefined) break;
      let smaller = left;
      if (right !== undefined && isBefore(right, left)) {
        smaller = right;
        child += 1;
      }
      if (!isBefore(smaller, last)) break;
      heap[index] = smaller;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.at === b.at ? a.order < b.order : a.at < b.at;
}

// Node's own: the global is virtual while a world lives (swap/globals.ts).
const realImmediate = setImmediate;

// Node runs every microtask before the next immediate.
function drained(): Promise<void> {
  return new Promise((resolve) => {
    realImmediate(resolve);
  });
}
