// Owns: when which mounts are swept: at start, on an interval with jitter, and when somebody says that hints were
// missed. Requests are coalesced, and a storm of them can't make sweeps follow one another without a pause.
import type { HeldReason } from "@keyferry/contracts";
import { type KeyferryError, toKeyferryError } from "@keyferry/errors";
import type { Clock, Random } from "@keyferry/ports";
import { WakeableSleep } from "../alarm/wakeable-sleep.ts";
import type { DetectorEvents } from "../events.ts";
import type { ServerGates } from "../observe/server-gates.ts";
import type { Holds } from "../observe/holds.ts";
import type { HeldChange, MountAddress } from "../ports.ts";
import type { SweepEnd } from "./sweep.ts";
import type { SweepTargets } from "./targets.ts";

export type SweepReason =
  | "start"
  | "interval"
  | "gap"
  | "topology"
  | "mount-config"
  | "association"
  | "rules"
  | "confirmed"
  | "retry";

export interface ScheduleParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly intervalMs: number;
  /** The mounts that a whole sweep covers. Throws the source's errors. */
  readonly targets: () => Promise<SweepTargets>;
  /** `resume`: a further try of the same sweep. */
  readonly sweepMount: (at: MountAddress, resume: boolean) => Promise<SweepEnd>;
  readonly gates: ServerGates;
  readonly holds: Holds;
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
    // A retry goes on where it failed; whoever else asks wants to know what has changed since.
    if (this.#allBecause === undefined || this.#allBecause === "retry") this.#allBecause = why;
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
      const asked = [...this.#asked.values()];
      this.#asked.clear();
      this.#allBecause = undefined;
      const startedAt = clock.now();
      if (why !== undefined) await this.#sweepAll(why);
      else for (const at of asked) if (!(await this.#sweepOne(at))) void this.#retryLater();
      if (why !== undefined) nextAt = clock.now() + this.#interval();
      const pauseMs = Math.max(PAUSE_MS_MIN, clock.now() - startedAt);
      if (why !== undefined || asked.length > 0) await this.#sleep(pauseMs, signal);
      // What was asked for during the sweep or the pause ends this at once.
      await this.#untilAsked.sleep(Math.max(0, nextAt - clock.now()), signal);
    }
  }

  async #sweepAll(why: SweepReason): Promise<void> {
    const { clock, events, holds, signal } = this.#parts;
    const startedAt = clock.now();
    const targets = await this.#targets();
    if (targets === undefined) return void this.#retryLater();
    const { mounts, moved } = targets;
    events.sweepStarted({ why, mounts: mounts.length });
    holds.sweepStarts(moved);
    let failed = 0;
    for (const at of mounts) {
      if (signal.aborted) return;
      if (!(await this.#sweepOne(at, why === "retry"))) failed += 1;
    }
    events.sweepFinished({ why, mounts: mounts.length, failed, tookMs: clock.now() - startedAt });
    if (signal.aborted) return;
    if (failed > 0) return void this.#retryLater();
    await holds.sweepEnds();
    this.#completed += 1;
  }

  /** Undefined: the source did not tell, and is asked again later. */
  async #targets(): Promise<SweepTargets | undefined> {
    const { targets, gates, events, signal } = this.#parts;
    for (let tried = 1; !signal.aborted; tried += 1) {
      try {
        await gates.opened(signal);
        return await targets();
      } catch (thrown) {
        const error = toKeyferryError(thrown);
        if (signal.aborted) return undefined;
        if (gates.take(error, signal) && tried < AWAY_TRIES_MAX) continue;
        events.sweepFailed({ mount: "", error });
        return undefined;
      }
    }
    return undefined;
  }

  /** False: it failed and has to be tried again. */
  async #sweepOne(at: MountAddress, isRetry = false): Promise<boolean> {
    const { sweepMount, gates, events, clock, signal } = this.#parts;
    for (let tried = 1; ; tried += 1) {
      const startedAt = clock.now();
      try {
        await gates.opened(signal);
        const end = await sweepMount(at, isRetry || tried > 1);
        if (end.kind === "held") this.#held(at, end.why, end.change);
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
      this.#held(at, error.code, null);
      return true;
    }
    events.sweepFailed({ mount: at.mount, error });
    return false;
  }

  #held(at: MountAddress, why: HeldReason, change: HeldChange): void {
    const { events, holds } = this.#parts;
    events.held({ mount: at.mount, why });
    holds.add(at, why, change);
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
