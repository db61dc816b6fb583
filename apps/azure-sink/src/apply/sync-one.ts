import { compareFences, type Outcome, policyOf, type SyncCommand } from "@keyferry/contracts";
import { assertNever, KeyferryError, toKeyferryError } from "@keyferry/errors";
import { type Plan, plan } from "../plan/plan.ts";
import type { OpenDestination, SinkDependencies } from "../ports.ts";
import type { LoadedRecord, RecordStore } from "../record/record-store.ts";
import { resolveWish } from "../wish/resolve-wish.ts";
import type { Wish } from "../wish/wish.ts";
import type { Attempt } from "./attempt.ts";
import { conclude, type Ending, parkForLater } from "./conclude.ts";
import { checkLateWrites } from "./late-writes.ts";
import { BEHIND_RETRY_MS, LOCKED_RETRY_MS, ROUNDS_MAX } from "./limits.ts";
import { type End, isOurs, worstFailure } from "./outcome.ts";
import type { SyncRequest } from "./request.ts";
import { type PlanRun, runPlan } from "./run-plan.ts";

// Owns: the order of steps for one command (DESIGN section 7). Every consumed command ends in an outcome (O5), also
// one that does nothing, waits or is refused; what can't be recorded now is delivered again.

/** `again`: not consumed; hand it out once more after the delay. */
export type SyncEnd = { readonly kind: "consumed" } | { readonly kind: "again"; readonly afterMs: number };
type RoundEnd = SyncEnd | { readonly kind: "replan" };

const DESTINATION_UNKNOWN_RETRY_MS = 2_000;
const BEHIND_DELIVERIES_MAX = 5;

/** Brings one (destination, secret) to what its command wishes. Throws state-* and bus-* errors: deliver again. */
export async function syncOne(
  request: SyncRequest,
  store: RecordStore,
  deps: SinkDependencies,
): Promise<SyncEnd> {
  const { command, fence, lane, isWoken, signal } = request;
  const takenAtMs = deps.clock.now();
  // What Redis has, if anything: it tells repeats cheaply, and is what the first round works on.
  let known = await store.load(command, { fresh: isWoken });
  if (!isWoken && compareFences(known.record.consumed, fence) >= 0) {
    deps.events.repeatDropped({ command });
    return { kind: "consumed" };
  }
  const destination = await openDestination(request, deps);
  if (destination === undefined) return { kind: "again", afterMs: DESTINATION_UNKNOWN_RETRY_MS };
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    // Redis may be stale: from the second round on JetStream is asked.
    if (round > 0) known = await store.load(command, { fresh: true });
    let end: RoundEnd;
    if (destination instanceof KeyferryError) {
      if (isSettled(request, known)) return { kind: "consumed" };
      end = await conclude({ request, store, deps }, known, failed(destination));
    } else {
      const policy = policyOf(destination.record.policy);
      const { source = deps.source } = destination;
      const attempt = {
        command,
        fence,
        lane,
        isWoken,
        takenAtMs,
        destination,
        policy,
        store,
        deps: { ...deps, source },
        signal,
      };
      end = await oneRound(attempt, request, known);
    }
    if (end.kind !== "replan") return end;
  }
  return { kind: "again", afterMs: LOCKED_RETRY_MS };
}

/** The destination, or why there is no client for it; undefined if its record is not here yet. */
async function openDestination(
  { command, signal }: SyncRequest,
  deps: SinkDependencies,
): Promise<OpenDestination | KeyferryError | undefined> {
  try {
    return await deps.destinations.open(command.destination, signal);
  } catch (thrown) {
    const error = toKeyferryError(thrown);
    if (isOurs(error)) throw error;
    return error;
  }
}

function isSettled({ fence, isWoken }: SyncRequest, { record }: LoadedRecord): boolean {
  const order = compareFences(record.consumed, fence);
  return order > 0 || (order === 0 && !(isWoken && record.outcome?.kind === "waiting"));
}

async function oneRound(attempt: Attempt, request: SyncRequest, known: LoadedRecord): Promise<RoundEnd> {
  const { command, fence, policy, store, deps, signal, destination } = attempt;
  const ending = { request, store, deps };
  const pause = pauseOf(attempt);
  if (pause !== undefined) {
    if (isSettled(request, known)) return { kind: "consumed" };
    return conclude(ending, known, failed(pause));
  }
  const loaded = await checkLateWrites(attempt, known);
  if (loaded === undefined) return { kind: "again", afterMs: LOCKED_RETRY_MS };
  if (isSettled(request, loaded)) {
    // It was woken for a second look, or by a time that something else has overtaken; further looks may be due.
    if (request.isWoken) await parkForLater(request, loaded, deps);
    return { kind: "consumed" };
  }
  let wish: Wish;
  try {
    const resolved = await resolveWish(command, destination, deps, signal);
    if (resolved.kind === "behind") return await behind(request, loaded, ending);
    wish = resolved.wish;
  } catch (thrown) {
    const error = toKeyferryError(thrown);
    if (isOurs(error)) throw error;
    return conclude(ending, loaded, failed(error));
  }
  const planned = plan({
    wish,
    record: loaded.record,
    fence,
    mayDelete: mayDelete(command, wish),
    lookFirst: command.lookFirst === true,
    policy,
  });
  const done = await runPlan(attempt, wish, planned, loaded);
  switch (done.kind) {
    case "replan":
      return { kind: "replan" };
    case "superseded":
      deps.events.superseded({ command });
      return { kind: "consumed" };
    case "again":
      return { kind: "again", afterMs: done.afterMs };
    case "ended":
      return conclude(ending, done.loaded, endOf(wish, planned, done));
    default:
      return assertNever(done);
  }
}

/** Why nothing may be written for this pair now. */
function pauseOf({ command, deps }: Attempt): KeyferryError | undefined {
  try {
    deps.pauses.check(command);
    return undefined;
  } catch (thrown) {
    return toKeyferryError(thrown);
  }
}

function failed(error: KeyferryError): End {
  return { kind: "failed", failure: { error } };
}

function endOf(wish: Wish, { held }: Plan, run: Extract<PlanRun, { kind: "ended" }>): End {
  const failure = worstFailure(run.failures);
  if (failure !== undefined) return { kind: "failed", failure };
  if (held.length > 0) {
    const error = new KeyferryError(
      "held-for-approval",
      `Deleting ${held.length} external secret(s) needs approval`,
      { names: held.length },
    );
    return { kind: "outcome", outcome: { kind: "held", error: error.report() } };
  }
  const outcome: Outcome =
    wish.kind === "present"
      ? { kind: "synced", version: wish.version, wrote: run.wrote }
      : { kind: "unsynced", wrote: run.wrote };
  return { kind: "outcome", outcome };
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
// template, as it does when a person has just set the association anew; a dropped key of a secret needs a permit, and so
// does a rename by a rule, whose edit may rename thousands (O6).
function mayDelete(command: SyncCommand, wish: Wish): boolean {
  if (command.permit !== null) return true;
  const { granularity, byRule } = command.spec;
  const isRename = granularity === "secret-path" && byRule !== true;
  return wish.kind === "present" && (isRename || command.reason === "set");
}
