// Owns: what lies between a process and a server: time, and what gets lost. Every call of every port goes through here,
// so this is where interleavings come from. Invariant: what was sent has its effect at most once.
import type { SimulatedProcess } from "../time/process.ts";
import type { SeededRandom } from "../time/random.ts";
import type { Scheduler } from "../time/scheduler.ts";
import type { StreamModel } from "./jetstream.ts";
import type { StoredMessage } from "./messages.ts";

export type ServerName = "nats" | "redis" | "source" | "vault";

/** How a server is to be reached now. */
export interface Route {
  /** Nothing gets through; calls fail after a moment. */
  isAway: boolean;
  /** Chance that an answer is lost after its effect. */
  lost: number;
  /** Chance that a request takes long. */
  slow: number;
  /** How long at most, ms. */
  slowMs: number;
}

const LATENCY_MS: Readonly<Record<ServerName, readonly [number, number]>> = {
  nats: [0.3, 4],
  redis: [0.2, 2],
  source: [1, 25],
  vault: [15, 180],
};

export interface Sending<T> {
  readonly server: ServerName;
  /** At the server. What it throws comes back as the call's error. */
  readonly effect: () => T;
  /** The error of a call whose answer never comes. */
  readonly noAnswer: (what: "not-sent" | "lost") => Error;
  /** How long the caller waits for an answer that never comes. */
  readonly patienceMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Told when the caller has given up and the effect is still to come. */
  readonly onLate?: () => void;
}

export class Network {
  readonly routes: Record<ServerName, Route> = {
    nats: { isAway: false, lost: 0, slow: 0, slowMs: 0 },
    redis: { isAway: false, lost: 0, slow: 0, slowMs: 0 },
    source: { isAway: false, lost: 0, slow: 0, slowMs: 0 },
    vault: { isAway: false, lost: 0, slow: 0, slowMs: 0 },
  };
  /** Processes that can't reach a server: `role:server`. */
  readonly cut = new Set<string>();
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  calls = 0;

  constructor(scheduler: Scheduler, random: SeededRandom) {
    this.#scheduler = scheduler;
    this.#random = random;
  }

  isReachable(server: ServerName, process: SimulatedProcess): boolean {
    return !this.routes[server].isAway && !this.cut.has(`${process.role}:${server}`);
  }

  /** Core NATS messages that are lost or come twice. */
  hintLoss = 0;
  hintCopies = 0;

  chanceOfLoss(_server: ServerName): boolean {
    return this.hintLoss > 0 && this.#random.chance(this.hintLoss);
  }

  copies(): number {
    return this.hintCopies > 0 && this.#random.chance(this.hintCopies) ? 2 : 1;
  }

  /** While set, a deposed leader answers some reads by what it knew this long ago, ms. */
  staleReadMs = 0;

  readOf(stream: StreamModel, filter: string): StoredMessage | undefined {
    const last = stream.last(filter);
    if (this.staleReadMs === 0 || last === undefined || !this.#random.chance(0.3)) return last;
    const until = this.#scheduler.now - this.staleReadMs;
    if (last.time <= until) return last;
    return stream.lastBefore(filter, until);
  }

  /** Poll of a connection's state: often only where something is wrong. */
  nextChangeMs(server: ServerName, process: SimulatedProcess, pollMs: number): number {
    const isQuiet = this.isReachable(server, process) && !this.isTroubled;
    return isQuiet ? pollMs * 20 : pollMs;
  }

  /** True while faults of the network may come. */
  isTroubled = false;

  latency(server: ServerName): number {
    const [from, to] = LATENCY_MS[server];
    const base = from + this.#random.fraction() ** 3 * (to - from);
    const route = this.routes[server];
    return route.slow > 0 && this.#random.chance(route.slow)
      ? base + this.#random.fraction() * route.slowMs
      : base;
  }

  /** Sends a request from the running process. */
  call<T>(process: SimulatedProcess, sending: Sending<T>): Promise<T> {
    this.calls += 1;
    const { server, effect, noAnswer, patienceMs, signal, onLate } = sending;
    const scheduler = this.#scheduler;
    return new Promise<T>((resolve, reject) => {
      let isSettled = false;
      let hasEffect = false;
      let isSent = false;
      const settle = (end: () => void): void => {
        if (isSettled) return;
        isSettled = true;
        cancelPatience();
        signal?.removeEventListener("abort", giveUp);
        end();
      };
      const giveUp = (): void =>
        settle(() => {
          if (isSent && !hasEffect) onLate?.();
          reject(noAnswer(isSent ? "lost" : "not-sent"));
        });
      const cancelPatience = scheduler.after(patienceMs, process, giveUp);
      if (signal?.aborted === true) return giveUp();
      signal?.addEventListener("abort", giveUp, { once: true });
      if (!this.isReachable(server, process)) {
        scheduler.after(this.latency(server), process, giveUp);
        return;
      }
      isSent = true;
      scheduler.after(this.latency(server), undefined, () => {
        // A process that died may have died before its packet left.
        if (process.isDead && this.#random.chance(0.5)) return;
        if (this.routes[server].isAway) return;
        hasEffect = true;
        let answer: () => void;
        try {
          const result = effect();
          answer = () => settle(() => resolve(result));
        } catch (error) {
          answer = () => settle(() => reject(error));
        }
        if (this.routes[server].lost > 0 && this.#random.chance(this.routes[server].lost)) return;
        scheduler.after(this.latency(server), process, answer);
      });
    });
  }
}
