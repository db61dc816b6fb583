import type { Uid } from "@keyferry/contracts";
import type { LaterItem } from "@keyferry/state";
import { toKeyferryError } from "@keyferry/errors";
import { inTrace, newTrace } from "@keyferry/ports";
import { syncOne } from "../apply/sync-one.ts";
import type { SinkDependencies } from "../ports.ts";
import type { RecordStore } from "../record/record-store.ts";

// Owns: names that wait (recovering, throttled, refused for now). They left the consumer with an outcome `waiting`, so
// nothing else waits for them (hazard name-waits-alone); if Redis loses the set, settle asks again (later-set-lost).
// Invariant: a destination whose names take long, or of which thousands are due, does not keep another's waiting.

const POLL_MS = 500;
// Where one destination has thousands due, most of a claim is turned away again: some 1,000 a second, no more.
const BETWEEN_CLAIMS_MS = 50;
const IN_HAND_MAX = 64;
const IN_HAND_PER_DESTINATION_MAX = 16;
// Longer than one attempt can take: a claimed item comes back only if its claimer died.
const CLAIM_VISIBLE_AFTER_MS = 60_000;
/** A waiting pair of a paused destination is woken at the resume, or comes after this time. */
const PAUSED_MS = 30_000;
const AGAIN_MS = 2_000;
const AGAIN_SPREAD_MS = 8_000;

export class WakeLoop {
  readonly #store: RecordStore;
  readonly #deps: SinkDependencies;
  readonly #inHand = new Set<Promise<void>>();
  readonly #ofDestination = new Map<Uid, number>();

  constructor(store: RecordStore, deps: SinkDependencies) {
    this.#store = store;
    this.#deps = deps;
  }

  /** Takes up waiting pairs when their time has come, until aborted; resolves when those in hand are done. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const claimed = await this.takeDue(signal).catch(() => 0);
      const isFull = this.#inHand.size >= IN_HAND_MAX;
      const pauseMs = claimed === 0 || isFull ? POLL_MS : BETWEEN_CLAIMS_MS;
      await this.#deps.clock.sleep(pauseMs, signal).catch(() => undefined);
    }
    await this.settled();
  }

  /** Takes up what is due now and begins with it; gives how many were claimed. Throws `state-unreachable`. */
  async takeDue(signal: AbortSignal): Promise<number> {
    const { clock, memory } = this.#deps;
    const free = IN_HAND_MAX - this.#inHand.size;
    if (free <= 0) return 0;
    const due = await memory.later.claimDue(clock.now(), free, CLAIM_VISIBLE_AFTER_MS);
    for (const item of due) {
      const work = this.#take(item, signal).finally(() => this.#inHand.delete(work));
      this.#inHand.add(work);
    }
    return due.length;
  }

  /** Resolves when nothing is in hand. */
  async settled(): Promise<void> {
    while (this.#inHand.size > 0) await Promise.all(this.#inHand);
  }

  async #take(item: LaterItem, signal: AbortSignal): Promise<void> {
    const { destination, key } = item;
    const { clock, memory, random } = this.#deps;
    if (this.#deps.pauses.isPaused(destination)) {
      this.#deps.pauses.hold({ destination, secretKey: key });
      await memory.later.park(destination, key, clock.now() + PAUSED_MS).catch(() => undefined);
      return;
    }
    const others = this.#ofDestination.get(destination) ?? 0;
    if (others >= IN_HAND_PER_DESTINATION_MAX) {
      const turnedAwayMs = AGAIN_MS + random.fraction() * AGAIN_SPREAD_MS;
      // Its claim ends by itself if this fails.
      await memory.later.park(destination, key, clock.now() + turnedAwayMs).catch(() => undefined);
      return;
    }
    this.#ofDestination.set(destination, others + 1);
    try {
      await inTrace(newTrace(random), () => wake(item, this.#store, this.#deps, signal));
    } finally {
      const left = (this.#ofDestination.get(destination) ?? 1) - 1;
      if (left > 0) this.#ofDestination.set(destination, left);
      else this.#ofDestination.delete(destination);
    }
  }
}

async function wake(
  item: LaterItem,
  store: RecordStore,
  deps: SinkDependencies,
  signal: AbortSignal,
): Promise<void> {
  const { destination, key, claim } = item;
  const { later } = deps.memory;
  try {
    const last = await deps.commands.last(destination, key);
    if (last !== undefined) {
      const { value: command, sequence, lane } = last;
      const fence = { epoch: command.epoch, sequence };
      const end = await syncOne(
        { command, fence, lane, isWoken: true, deliveryCount: 1, signal },
        store,
        deps,
      );
      if (end.kind === "again") {
        await later.park(destination, key, deps.clock.now() + Math.max(end.afterMs, AGAIN_MS));
        return;
      }
    }
    await later.unpark(destination, key, claim);
  } catch (thrown) {
    // The claim ends by itself and the item is taken up again.
    const { code, message } = toKeyferryError(thrown);
    deps.logger.debug({ destination, key, code }, `waiting pair left for later: ${message}`);
  }
}
