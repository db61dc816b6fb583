import { compareFences, type Outcome, type SyncCommand, wishDigest } from "@keyferry/contracts";
import { assertNever, KeyferryError, toKeyferryError } from "@keyferry/errors";
import { type NameAction, type Plan, plan } from "../plan/plan.ts";
import type { OpenDestination, SinkDependencies } from "../ports.ts";
import { withOutcome } from "../record/record.ts";
import type { LoadedRecord, RecordStore } from "../record/record-store.ts";
import { resolveWish } from "../wish/resolve-wish.ts";
import type { Wish } from "../wish/wish.ts";
import type { Attempt, NameResult } from "./attempt.ts";
import { deleteName } from "./delete-name.ts";
import { finishIntent } from "./finish-intent.ts";
import { BEHIND_RETRY_MS, LOCKED_RETRY_MS, ROUNDS_MAX } from "./limits.ts";
import { type End, type NameFailure, waitingOutcome, worstFailure } from "./outcome.ts";
import { patchName } from "./patch-name.ts";
import { putName } from "./put-name.ts";
import type { SyncRequest } from "./request.ts";

// Owns: the order of steps for one command (DESIGN section 7). Every consumed command ends in an outcome (O5), also
// one that does nothing, waits or is refused; what can't be recorded now is delivered again.

/** `again`: not consumed; hand it out once more after the delay. */
export type SyncEnd = { readonly kind: "consumed" } | { readonly kind: "again"; readonly afterMs: number };

const DESTINATION_UNKNOWN_RETRY_MS = 2_000;
const BEHIND_DELIVERIES_MAX = 5;

/** Brings one (destination, secret) to what its command wishes. Throws state-* and bus-* errors: deliver again. */
export async function syncOne(
  request: SyncRequest,
  store: RecordStore,
  deps: SinkDependencies,
): Promise<SyncEnd> {
  const { command, fence, signal } = request;
  if (!request.isWoken && (await store.isConsumed(command.destination, command.secretKey, fence))) {
    deps.events.repeatDropped({ command });
    return { kind: "consumed" };
  }
  const destination = await deps.destinations.open(command.destination, signal);
  if (destination === undefined) return { kind: "again", afterMs: DESTINATION_UNKNOWN_RETRY_MS };
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    // Redis may be stale: from the second round on JetStream is asked.
    const loaded = await store.load(command, { fresh: round > 0 || request.isWoken });
    if (isSettled(request, loaded)) return { kind: "consumed" };
    const end = await oneRound(request, loaded, destination, store, deps);
    if (end.kind !== "replan") return end;
  }
  return { kind: "again", afterMs: LOCKED_RETRY_MS };
}

function isSettled({ fence, isWoken }: SyncRequest, { record }: LoadedRecord): boolean {
  const order = compareFences(record.consumed, fence);
  return order > 0 || (order === 0 && !(isWoken && record.outcome?.kind === "waiting"));
}

type RoundEnd = SyncEnd | { readonly kind: "replan" };

async function oneRound(
  request: SyncRequest,
  loaded: LoadedRecord,
  destination: OpenDestination,
  store: RecordStore,
  deps: SinkDependencies,
): Promise<RoundEnd> {
  const { command, fence, lane, signal } = request;
  const ending = { request, store, deps };
  let wish: Wish;
  try {
    const resolved = await resolveWish(command, destination, deps, signal);
    if (resolved.kind === "behind") return await behind(request, loaded, ending);
    wish = resolved.wish;
  } catch (thrown) {
    const error = toKeyferryError(thrown);
    if (isOurs(error)) throw error;
    return conclude(ending, loaded, { kind: "failed", failure: { error } });
  }
  const planned = plan({ wish, record: loaded.record, fence, mayDelete: mayDelete(command, wish) });
  const attempt: Attempt = { command, fence, lane, destination, wish, store, deps, signal };
  const done = await runPlan(attempt, planned, loaded);
  switch (done.kind) {
    case "replan":
      return { kind: "replan" };
    case "superseded":
      deps.events.superseded({ command });
      return { kind: "consumed" };
    case "locked":
      return { kind: "again", afterMs: LOCKED_RETRY_MS };
    case "ended":
      return conclude(ending, done.loaded, endOf(wish, planned, done));
    default:
      return assertNever(done);
  }
}

type PlanRun =
  | { readonly kind: "replan" | "superseded" | "locked" }
  | {
      readonly kind: "ended";
      readonly loaded: LoadedRecord;
      readonly wrote: boolean;
      readonly failures: readonly NameFailure[];
    };

// Names are independent: one that fails does not keep the others. Deletes wait until all puts are done (SINK-2).
async function runPlan(attempt: Attempt, { actions }: Plan, start: LoadedRecord): Promise<PlanRun> {
  const failures: NameFailure[] = [];
  let loaded = start;
  let wrote = false;
  for (const [index, action] of actions.entries()) {
    if (action.kind === "none" || (action.kind === "delete" && failures.length > 0)) continue;
    const result = await runAction(attempt, action, loaded);
    if (result.kind === "replan" || result.kind === "superseded" || result.kind === "locked") return result;
    if (result.kind === "done") wrote ||= result.wrote;
    else
      failures.push({ error: result.error, ...(result.kind === "waiting" ? { waitMs: result.waitMs } : {}) });
    const isLast = index === actions.length - 1;
    const stored = await storeProgress(attempt, loaded, result.loaded, isLast);
    if (stored === undefined) return { kind: "replan" };
    loaded = stored;
  }
  return { kind: "ended", loaded, wrote, failures };
}

// What the last name came to goes into the outcome's own message; others get one each, so that a crash loses none.
async function storeProgress(
  attempt: Attempt,
  before: LoadedRecord,
  after: LoadedRecord,
  isLast: boolean,
): Promise<LoadedRecord | undefined> {
  if (isLast || after.record === before.record) return after;
  return attempt.store.append(after.record, after.sequence, attempt.command.epoch);
}

async function runAction(
  attempt: Attempt,
  action: Exclude<NameAction, { kind: "none" }>,
  loaded: LoadedRecord,
): Promise<NameResult> {
  const { wish } = attempt;
  try {
    switch (action.kind) {
      case "finish":
        return await finishIntent(attempt, action.lower);
      case "delete":
        return await deleteName(attempt, action, loaded);
      case "put":
        return wish.kind === "present" ? await putName(attempt, wish, action, loaded) : { kind: "replan" };
      case "patch":
        return wish.kind === "present" ? await patchName(attempt, wish, action, loaded) : { kind: "replan" };
      default:
        return assertNever(action);
    }
  } catch (thrown) {
    const error = toKeyferryError(thrown);
    if (isOurs(error)) throw error;
    // Before the intent was written: nothing was sent.
    return error.retry === "hopeless"
      ? { kind: "refused", loaded, error }
      : { kind: "waiting", loaded, error };
  }
}

function endOf(wish: Wish, { held }: Plan, run: Extract<PlanRun, { kind: "ended" }>): End {
  const failure = worstFailure(run.failures);
  if (failure !== undefined) return { kind: "failed", failure };
  if (held.length > 0) {
    const error = new KeyferryError(
      "held-for-approval",
      `Deleting ${held.length} external secret(s) needs approval`,
      {
        names: held.length,
      },
    );
    return { kind: "outcome", outcome: { kind: "held", error: error.report() } };
  }
  const outcome: Outcome =
    wish.kind === "present"
      ? { kind: "synced", version: wish.version, wrote: run.wrote }
      : { kind: "unsynced", wrote: run.wrote };
  return { kind: "outcome", outcome };
}

interface Ending {
  readonly request: SyncRequest;
  readonly store: RecordStore;
  readonly deps: SinkDependencies;
}

async function conclude({ request, store, deps }: Ending, loaded: LoadedRecord, end: End): Promise<RoundEnd> {
  const { command, fence } = request;
  const { destination, secretKey } = command;
  const nowMs = deps.clock.now();
  const outcome = end.kind === "outcome" ? end.outcome : await waitingOutcome(end.failure, request, deps);
  const record = withOutcome(loaded.record, { command, fence, wish: wishDigest(command), outcome, nowMs });
  const stored = await store.append(record, loaded.sequence, command.epoch);
  if (stored === undefined) return { kind: "replan" };
  if (outcome.kind === "waiting") await deps.memory.later.park(destination, secretKey, outcome.until);
  else await deps.memory.attempts.clear(destination, secretKey);
  const isNew = loaded.record.outcome?.kind !== outcome.kind;
  if (outcome.kind === "refused" && isNew) await reportDead(request, deps, outcome);
  deps.events.outcome({ command, outcome, nowMs });
  return { kind: "consumed" };
}

async function reportDead(
  { command, fence }: SyncRequest,
  deps: SinkDependencies,
  outcome: Extract<Outcome, { kind: "refused" }>,
): Promise<void> {
  const { destination, secretKey } = command;
  const letter = {
    major: 1 as const,
    service: "azure-sink",
    subject: `${destination}.${secretKey}`,
    sequence: fence.sequence,
    reason: outcome.error.code,
    error: outcome.error,
    at: new Date(deps.clock.now()).toISOString(),
  };
  await deps.deadLetters.publish(letter, destination, secretKey);
}

async function behind(request: SyncRequest, loaded: LoadedRecord, ending: Ending): Promise<RoundEnd> {
  if (!request.isWoken && request.deliveryCount <= BEHIND_DELIVERIES_MAX) {
    return { kind: "again", afterMs: BEHIND_RETRY_MS };
  }
  const error = new KeyferryError(
    "source-behind",
    "The source does not show the state that the command was made from",
  );
  return conclude(ending, loaded, { kind: "failed", failure: { error } });
}

// An unsync needs its permit. Under secret-path a name beyond the wished one comes from a person's change of the
// template, as it does when a person has just set the association anew; a dropped key of a secret needs a permit (O6).
function mayDelete(command: SyncCommand, wish: Wish): boolean {
  if (command.permit !== null) return true;
  return wish.kind === "present" && (command.spec.granularity === "secret-path" || command.reason === "set");
}

// Redis or NATS away, or stopping: nothing can be recorded now, so the command is delivered again.
function isOurs({ code }: KeyferryError): boolean {
  return (
    code.startsWith("state-") ||
    code.startsWith("bus-") ||
    code === "operation-aborted" ||
    code === "message-unreadable"
  );
}
