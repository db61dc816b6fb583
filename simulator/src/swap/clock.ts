// In place of packages/ports/src/clock.ts: the world's time, for the process that runs.
import type { Clock } from "../../../packages/ports/src/clock.ts";
import { type SimulatedProcess } from "../time/process.ts";
import { runningProcess, world } from "../world.ts";

export type { Clock };

export const systemClock: Clock = {
  now: () => Math.floor(world().scheduler.now),
  sleep: (ms, signal) => sleepOf(runningProcess(), ms, signal),
};

/** The clock of one process; `skew` is how far it stands from the world's. */
export function clockOf(process: SimulatedProcess, skewMs: number): Clock {
  return {
    now: () => Math.floor(world().scheduler.now + skewMs),
    sleep: (ms, signal) =>
      ms === WAKE_POLL_MS && process.isReady
        ? sleepUntilDue(process, ms, signal)
        : sleepOf(process, ms, signal),
  };
}

/** The sinks' poll of what waits in Redis: by far the most frequent thing that happens when nothing happens. */
const WAKE_POLL_MS = 500;
const POLLS_SKIPPED_MAX = 240;

// Polls that would find nothing are left out: the sleep ends when something is due, as the poll after it would find it.
async function sleepUntilDue(process: SimulatedProcess, ms: number, signal?: AbortSignal): Promise<void> {
  const { scheduler, redis, network } = world();
  const until = scheduler.now + ms * POLLS_SKIPPED_MAX;
  do {
    const isQuiet = network.isReachable("redis", process);
    const dueMs = isQuiet ? redis.nextDue() - scheduler.now : ms;
    const waitMs = Math.max(ms, Math.min(dueMs, until - scheduler.now));
    if (waitMs === ms) return sleepOf(process, ms, signal);
    const over = new AbortController();
    // By the scheduler: what the abort sets going is code of this process.
    const end = redis.onParked(() => scheduler.after(0, process, () => over.abort()));
    try {
      await sleepOf(
        process,
        waitMs,
        signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]),
      );
    } catch (error) {
      if (!over.signal.aborted || signal?.aborted === true) throw error;
    } finally {
      end();
    }
  } while (scheduler.now < until && redis.nextDue() > scheduler.now);
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
