// Owns: standing by and working in turn, as the lease says: a standby keeps its memory warm, a holder runs a detector,
// whose work begins with a sweep (what was changed at a hand-over is found by it). Does not own: the lease itself.
import type { KeyferryError } from "@keyferry/errors";
import { backoffMs, SERVER_AWAY } from "@keyferry/retry";
import { toKeyferryError } from "@keyferry/errors";
import type { Clock, Random } from "@keyferry/ports";
import type { Detector, DetectorCondition } from "../detector.ts";
import type { DetectorEvents } from "../events.ts";
import type { EventLog } from "../ports.ts";
import type { Memory } from "../publish/memory.ts";
import { LeaseLoop, type LeaseStore } from "./lease-loop.ts";
import type { LeaseTiming } from "./lease.ts";

export interface DutyParts {
  readonly store: LeaseStore;
  readonly log: EventLog;
  readonly memory: Memory;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: DetectorEvents;
  readonly timing: LeaseTiming;
  /** A detector on the memory above, which works until the signal aborts. */
  readonly createDetector: (signal: AbortSignal) => Detector;
}

/** Ready with a note: it does what is asked of it, which is to wait. */
export type DutyCondition = DetectorCondition | { readonly kind: "ready"; readonly note: string };

export class Duty {
  readonly #parts: DutyParts;
  readonly #loop: LeaseLoop;
  #detector: Detector | undefined;
  #isStandby = false;
  #why: KeyferryError | undefined;

  constructor(parts: DutyParts) {
    const { store, clock, timing, random } = parts;
    this.#parts = parts;
    this.#loop = new LeaseLoop({
      store,
      me: random.uuid(),
      clock,
      timing,
      onFailure: (error) => this.#failed(error),
    });
  }

  /** Whether it works or stands by, and else what it waits for. */
  condition(): DutyCondition {
    if (this.#detector !== undefined) return this.#detector.condition();
    if (this.#why !== undefined) return { kind: "waiting", why: this.#why.message };
    return this.#isStandby
      ? { kind: "ready", note: "standing by: another detector works for this source" }
      : { kind: "waiting", why: "looking whether another detector works for this source" };
  }

  /** Runs until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { events } = this.#parts;
    while (!signal.aborted) {
      const lease = await this.#standBy(signal);
      if (lease === undefined) return;
      events.leaseTaken({ takenOver: lease.takenOver });
      const working = new AbortController();
      const stop = (): void => working.abort(signal.reason);
      signal.addEventListener("abort", stop, { once: true });
      this.#detector = this.#parts.createDetector(working.signal);
      const work = this.#detector.run();
      const kept = await this.#loop.hold(lease.held, signal);
      working.abort();
      await work;
      signal.removeEventListener("abort", stop);
      this.#detector = undefined;
      this.#isStandby = false;
      if (kept === undefined) events.leaseLost();
      else await this.#loop.release(kept);
    }
  }

  async #standBy(signal: AbortSignal) {
    const following = new AbortController();
    const stop = (): void => following.abort(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    let follow: Promise<void> | undefined;
    const held = await this.#loop.acquire(signal, () => {
      this.#why = undefined;
      if (!this.#isStandby) this.#parts.events.standingBy();
      this.#isStandby = true;
      follow ??= this.#follow(following.signal);
    });
    following.abort();
    await follow;
    signal.removeEventListener("abort", stop);
    this.#why = undefined;
    return held && { held, takenOver: follow !== undefined };
  }

  /** Keeps the memory as the log is; what it misses, the detector's compare-and-sets find out. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { log, memory, events, clock, random } = this.#parts;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        for await (const { key, entry, pending } of log.follow(signal)) {
          if (entry !== undefined) memory.putAsLogged(key, entry.value, entry.sequence);
          if (pending === 0) memory.isLoaded = true;
          attempt = 0;
        }
      } catch (thrown) {
        if (signal.aborted) return;
        events.memoryFailed({ error: toKeyferryError(thrown) });
      }
      await clock.sleep(backoffMs(Math.max(1, attempt), SERVER_AWAY, random), signal).catch(() => undefined); // stopping
    }
  }

  #failed(error: KeyferryError): void {
    if (this.#detector === undefined) this.#why = error;
    this.#parts.events.leaseFailed({ error });
  }
}
