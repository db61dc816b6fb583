// Owns: the timers that are globals of Node, on virtual time while code of a process runs. Whoever else calls them gets
// the real ones.
import { world } from "../world.ts";

interface Timer {
  ref(): Timer;
  unref(): Timer;
  hasRef(): boolean;
  refresh(): Timer;
  readonly cancel: () => void;
}

/** `set` sets it, and gives what unsets it. */
function timer(set: () => () => void): Timer {
  let unset = set();
  const made: Timer = {
    ref: () => made,
    unref: () => made,
    hasRef: () => false,
    refresh() {
      unset();
      unset = set();
      return made;
    },
    cancel: () => unset(),
  };
  return made;
}

const real = {
  setTimeout,
  setInterval,
  setImmediate,
  clearTimeout,
  clearInterval,
  clearImmediate,
  timeout: AbortSignal.timeout.bind(AbortSignal),
};

/** Puts them in; gives what takes them out again. */
export function installGlobals(): () => void {
  const running = () => {
    try {
      return world().scheduler.running;
    } catch {
      return undefined;
    }
  };
  const clear = (which: (id: never) => void) => (id: unknown) => {
    if (typeof id === "object" && id !== null && "cancel" in id) (id as Timer).cancel();
    else which(id as never);
  };
  Object.assign(globalThis, {
    setTimeout: (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
      const process = running();
      if (process === undefined) return real.setTimeout(run, ms, ...args);
      return timer(() => world().scheduler.after(ms, process, () => run(...args)));
    },
    setInterval: (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
      const process = running();
      if (process === undefined) return real.setInterval(run, ms, ...args);
      const { scheduler } = world();
      let cancel = (): void => undefined;
      const again = (): void => {
        cancel = scheduler.after(Math.max(1, ms), process, () => {
          again();
          run(...args);
        });
      };
      return timer(() => {
        again();
        return () => cancel();
      });
    },
    setImmediate: (run: (...args: unknown[]) => void, ...args: unknown[]) => {
      const process = running();
      if (process === undefined) return real.setImmediate(run, ...args);
      return timer(() => world().scheduler.after(0, process, () => run(...args)));
    },
    clearTimeout: clear(real.clearTimeout),
    clearImmediate: clear(real.clearImmediate),
    clearInterval: clear(real.clearInterval),
  });
  AbortSignal.timeout = (ms: number) => {
    const process = running();
    if (process === undefined) return real.timeout(ms);
    const abort = new AbortController();
    world().scheduler.after(ms, process, () => abort.abort(new DOMException("timed out", "TimeoutError")));
    return abort.signal;
  };
  return () => {
    const { timeout, ...timers } = real;
    Object.assign(globalThis, timers);
    AbortSignal.timeout = timeout;
  };
}
