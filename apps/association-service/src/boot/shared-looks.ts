// Owns: sharing one look among everybody who asks for the same thing. Under load a set would cost ten reads of NATS and
// OpenBao; sixteen sets at once need hardly more than one.
// While they come one after the other, looks begin LOOK_SPACING_MS apart, so that more callers share each: every message
// to NATS costs about as much as all the rest of a look.
// Invariant LOOK-1: a look that answers a caller began after the caller asked. So nothing is cached: what a caller could
// have seen by looking itself, the shared look sees too (hazard set-then-read-elsewhere).

interface Slot<T> {
  readonly running: Promise<T>;
  next: Promise<T> | undefined;
}

const LOOK_SPACING_MS = 5;
// A look whose answer never comes (a stream that was made anew under a waiting view) must not keep the next ones out.
const LOOK_MS_MAX = 15_000;

export class SharedLooks<T> {
  readonly #slots = new Map<string, Slot<T>>();

  /**
   * The answer of a look at `key` that began after this call. At most one runs per key, and one waits for it.
   * @throws whatever the look throws, to all who share it
   */
  look(key: string, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const slot = this.#slots.get(key);
    if (slot === undefined) return this.#start(key, run);
    slot.next ??= slot.running.then(spacing, spacing).then(() => this.#start(key, run));
    return slot.next;
  }

  #start(key: string, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(tooLate()), LOOK_MS_MAX);
    timer.unref();
    const running = orAborted(run(limit.signal), limit.signal);
    const slot: Slot<T> = { running, next: undefined };
    this.#slots.set(key, slot);
    const end = () => {
      clearTimeout(timer);
      if (slot.next === undefined) this.#slots.delete(key);
    };
    running.then(end, end);
    return running;
  }
}

/** The work's own end, or the signal's reason if that comes first; the work goes on and ends by itself. */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise<T>((resolve, reject) => {
    const giveUp = () => reject(signal.reason as Error);
    if (signal.aborted) giveUp();
    signal.addEventListener("abort", giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp));
  });
}

function tooLate(): Error {
  return new DOMException("A look took too long", "TimeoutError");
}

function spacing(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_SPACING_MS));
}
