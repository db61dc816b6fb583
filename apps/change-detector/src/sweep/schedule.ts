// Owns: when which mounts are swept: at start, on an interval with jitter, and when somebody says that hints were
// missed. Requests are coalesced, and a storm of them can't make sweeps follow one another without a pause.
import { type KeyferryError, toKeyferryError } from "@keyferry/errors";
import type { Clock, Random } from "@keyferry/ports";
import { WakeableSleep } from "../alarm/wakeable-sleep.ts";
import type { DetectorEvents } from "../events.ts";
import type { ServerGates } from "../observe/server-gates.ts";
import type { MountAddress } from "../ports.ts";
import type { SweepEnd } from "./sweep.ts";

export type SweepReason =
  | "start"
  | "interval"
  | "gap"
  | "topology"
  | "mount-config"
  | "association"
  | "retry";

export interface ScheduleParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly intervalMs: number;
  /** The mounts that a whole sweep covers. */
  readonly targets: () => readonly MountAddress[];
  readonly sweepMount: (at: MountAddress) => Promise<SweepEnd>;
  readonly gates: ServerGates;
  readonly events: DetectorEvents;
  readonly signal: AbortSignal;
}

const JITTER = 0.1; // of the interval: detectors that were started together don't sweep together
const PAUSE_MS_MIN = 1_000;
const RETRY_MS = 10_000;
const AWAY_TRIES_MAX = 5;

export class SweepSchedule {
  readonly #parts: ScheduleParts;
  readonly #asked = new Map<string, MountAddress>();
  #allBecause: SweepReason | undefined;
  readonly #untilAsked: WakeableSleep;
  #completed = 0;

  constructor(parts: ScheduleParts) {
    this.#parts = parts;
    this.#untilAsked = new WakeableSleep(parts.clock);
  }

  /** Whole sweeps that came to their end since the start. */
  get completed(): number {
    return this.#completed;
  }

  /** Sweeps everything as soon as the running sweep is over. */
  requestAll(why: SweepReason): void {
    this.#allBecause ??= why;
    this.#untilAsked.wake();
  }

  requestMount(at: MountAddress): void {
    this.#asked.set(JSON.stringify([at.namespace, at.mount]), at);
    this.#untilAsked.wake();
  }

  /** The loop; begins with a whole sweep. Ends when the signal aborts. */
  async run(): Promise<void> {
    const { clock, signal } = this.#parts;
    this.requestAll("start");
    let nextAt = clock.now();
    while (!signal.aborted) {
      if (this.#allBecause === undefined && clock.now() >= nextAt) this.#allBecause = "interval";
      const why = this.#allBecause;
      const mounts = why === undefined ? [...this.#asked.values()] : this.#parts.targets();
      this.#asked.clear();
      this.#allBecause = undefined;
      const startedAt = clock.now();
      if (why !== undefined || mounts.length > 0) await this.#sweep(mounts, why);
      if (why !== undefined) nextAt = clock.now() + this.#interval();
      const pauseMs = Math.max(PAUSE_MS_MIN, clock.now() - startedAt);
      if (why !== undefined || mounts.length > 0) await this.#sleep(pauseMs, signal);
      // What was asked for during the sweep or the pause ends this at once.
      await this.#untilAsked.sleep(Math.max(0, nextAt - clock.now()), signal);
    }
  }

  async #sweep(mounts: readonly MountAddress[], why: SweepReason | undefined): Promise<void> {
    const { clock, events, signal } = this.#parts;
    const startedAt = clock.now();
    if (why !== undefined) events.sweepStarted({ why, mounts: mounts.length });
    let failed = 0;
    for (const at of mounts) {
      if (signal.aborted) return;
      if (!(await this.#sweepOne(at))) failed += 1;
    }
    if (why === undefined) return;
    const tookMs = clock.now() - startedAt;
    events.sweepFinished({ why, mounts: mounts.length, failed, tookMs });
    if (failed === 0) this.#completed += 1;
    else void this.#retryLater();
  }

  /** False: it failed and has to be tried again. */
  async #sweepOne(at: MountAddress): Promise<boolean> {
    const { sweepMount, gates, events, clock, signal } = this.#parts;
    for (let tried = 1; ; tried += 1) {
      const startedAt = clock.now();
      try {
        await gates.opened(signal);
        const end = await sweepMount(at);
        if (end.kind === "held") events.held({ mount: at.mount, why: end.why });
        if (end.kind === "swept")
          events.mountSwept({ mount: at.mount, ...end, tookMs: clock.now() - startedAt });
        return true;
      } catch (thrown) {
        const error = toKeyferryError(thrown);
        if (signal.aborted) return true;
        if (gates.take(error, signal) && tried < AWAY_TRIES_MAX) continue;
        return this.#sweepFailed(at, error);
      }
    }
  }

  #sweepFailed(at: MountAddress, error: KeyferryError): boolean {
    const { events } = this.#parts;
    // These need a person; the next sweep of the interval looks again.
    if (error.code === "source-denied" || error.code === "mount-missing") {
      events.held({ mount: at.mount, why: error.code });
      return true;
    }
    events.sweepFailed({ mount: at.mount, error });
    return false;
  }

  async #retryLater(): Promise<void> {
    await this.#sleep(RETRY_MS, this.#parts.signal);
    this.requestAll("retry");
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    await this.#parts.clock.sleep(ms, signal).catch(() => undefined); // woken, or stopping: the loop looks which
  }

  #interval(): number {
    const { intervalMs, random } = this.#parts;
    return intervalMs * (1 - JITTER + 2 * JITTER * random.fraction());
  }
}
