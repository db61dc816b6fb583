import type { LaterItem } from "@keyferry/state";
import { toKeyferryError } from "@keyferry/errors";
import { inTrace, newTrace } from "@keyferry/ports";
import { syncOne } from "../apply/sync-one.ts";
import type { SinkDependencies } from "../ports.ts";
import type { RecordStore } from "../record/record-store.ts";

// Owns: names that wait (recovering, throttled, refused for now). They left the consumer with an outcome `waiting`, so
// nothing else waits for them (hazard name-waits-alone); if Redis loses the set, settle asks again (later-set-lost).

const POLL_MS = 500;
const BATCH = 32;
// Longer than one attempt can take: a claimed item comes back only if its claimer died.
const CLAIM_VISIBLE_AFTER_MS = 60_000;
const AGAIN_MS = 2_000;

/** Takes up waiting pairs when their time has come, until aborted. */
export async function runWakeLoop(
  store: RecordStore,
  deps: SinkDependencies,
  signal: AbortSignal,
): Promise<void> {
  const { later } = deps.memory;
  while (!signal.aborted) {
    const due = await later
      .claimDue(deps.clock.now(), BATCH, CLAIM_VISIBLE_AFTER_MS)
      .catch((): LaterItem[] => []);
    await Promise.all(
      due.map((item) => inTrace(newTrace(deps.random), () => wake(item, store, deps, signal))),
    );
    if (due.length < BATCH) await deps.clock.sleep(POLL_MS, signal).catch(() => undefined);
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
