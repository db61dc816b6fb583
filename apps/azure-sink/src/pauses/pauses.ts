import { PAUSES_KEY, pairKey, type View } from "@keyferry/bus";
import type { PausesRecord, SecretKey, SyncCommand, Uid } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import type { Clock } from "@keyferry/ports";
import type { Memory } from "../ports.ts";

// Owns: whether this sink may write, for all, for a destination, for an association: a copy of one key of the bucket
// `operations`, pushed by NATS within milliseconds. What is under way when a pause comes ends; nothing new is sent.
// Nothing is lost by a pause: a destination's commands stay in the stream, unpulled; what was in hand, and a paused
// association's command, ends in an outcome `waiting` and is woken when the pause ends.

/** Pairs to be woken at a resume; more than these come by their own time, five minutes at most. */
const HELD_PAIRS_MAX = 20_000;

type Pair = Pick<SyncCommand, "destination" | "secretKey">;

const NONE: PausesRecord = { major: 1, all: null, destinations: {}, associations: {} };

/** As commands see it. */
export interface PauseGate {
  /** Throws `paused` if nothing may be written for this pair now; the pair is woken at the resume. */
  check(pair: Pair): void;
  /** Notes a pair to be woken at the resume. */
  hold(pair: Pair): void;
  /** Aborts when the destination is paused: for waits, never for a write under way. */
  signal(destination: Uid): AbortSignal;
  isPaused(destination: Uid): boolean;
}

export interface PausesOptions {
  readonly view: Pick<View<PausesRecord>, "get" | "onChange">;
  readonly later: Pick<Memory["later"], "park">;
  readonly clock: Clock;
}

export class Pauses implements PauseGate, Disposable {
  readonly #options: PausesOptions;
  readonly #held = new Map<string, { destination: Uid; key: SecretKey }>();
  readonly #controllers = new Map<Uid, AbortController>();
  readonly #listeners = new Set<() => void>();
  readonly #end: () => void;
  #record: PausesRecord;

  constructor(options: PausesOptions) {
    this.#options = options;
    this.#record = options.view.get(PAUSES_KEY)?.value ?? NONE;
    this.#end = options.view.onChange((key, entry) => {
      if (key === PAUSES_KEY) this.#apply(entry?.value ?? NONE);
    });
  }

  check({ destination, secretKey }: Pair): void {
    const pause = this.#pauseOf(destination) ?? this.#record.associations[pairKey(destination, secretKey)];
    if (pause === undefined) return;
    this.hold({ destination, secretKey });
    const { since, reason } = pause;
    const why = reason === "" ? "" : `: ${reason}`;
    throw new KeyferryError("paused", `Writing is paused since ${since}${why}`, { since });
  }

  hold({ destination, secretKey }: Pair): void {
    if (this.#held.size >= HELD_PAIRS_MAX) return;
    this.#held.set(pairKey(destination, secretKey), { destination, key: secretKey });
  }

  signal(destination: Uid): AbortSignal {
    let controller = this.#controllers.get(destination);
    if (controller === undefined) {
      controller = new AbortController();
      if (this.isPaused(destination)) controller.abort();
      this.#controllers.set(destination, controller);
    }
    return controller.signal;
  }

  isPaused(destination: Uid): boolean {
    return this.#pauseOf(destination) !== undefined;
  }

  /** Calls `listener` after every change. Returns its end. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  [Symbol.dispose](): void {
    this.#end();
    this.#listeners.clear();
  }

  #pauseOf(destination: Uid): { since: string; reason: string } | undefined {
    return this.#record.all ?? this.#record.destinations[destination] ?? undefined;
  }

  #apply(next: PausesRecord): void {
    const before = this.#record;
    this.#record = next;
    for (const [destination, controller] of this.#controllers) {
      const isPaused = this.isPaused(destination);
      if (isPaused && !controller.signal.aborted) controller.abort();
      // One signal tells of one pause.
      if (!isPaused && controller.signal.aborted) this.#controllers.delete(destination);
    }
    // Also what this process has not held: it may have been started since.
    for (const id of Object.keys(before.associations)) {
      const [destination = "", key = ""] = id.split(".");
      if (next.associations[id] === undefined) this.#held.set(id, { destination, key });
    }
    this.#wake();
    for (const listener of this.#listeners) listener();
  }

  #wake(): void {
    const { later, clock } = this.#options;
    for (const [id, { destination, key }] of this.#held) {
      if (this.isPaused(destination) || this.#record.associations[id] !== undefined) continue;
      this.#held.delete(id);
      // Without Redis it comes when its time is over, or by settle.
      void later.park(destination, key, clock.now()).catch(() => undefined);
    }
  }
}
