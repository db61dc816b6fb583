// In place of packages/ports/src/clock.ts: the world's time, for the process that runs.
import type { Clock } from "../../../packages/ports/src/clock.ts";
import { type SimulatedProcess } from "../time/process.ts";
import { runningProcess, world } from "../world.ts";

export type { Clock };

export const systemClock: Clock = {
  now: () => world().scheduler.now,
  sleep: (ms, signal) => sleepOf(runningProcess(), ms, signal),
};

/** The clock of one process; `skew` is how far it stands from the world's. */
export function clockOf(process: SimulatedProcess, skewMs: number): Clock {
  return {
    now: () => world().scheduler.now + skewMs,
    sleep: (ms, signal) => sleepOf(process, ms, signal),
  };
}

function sleepOf(process: SimulatedProcess, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason as Error);
    const abort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = world().scheduler.after(ms, process, () => {
      signal?.removeEventListener("abort", abort);
      resolve();
    });
    signal?.addEventListener("abort", abort, { once: true });
    return undefined;
  });
}
