import { assertNever, toKeyferryError } from "@keyferry/errors";
import { isOfTheDestination, verdictOf } from "../breaker/verdict.ts";
import type { NameAction, Plan } from "../plan/plan.ts";
import type { LoadedRecord } from "../record/record-store.ts";
import type { Wish } from "../wish/wish.ts";
import type { Attempt, NameResult } from "./attempt.ts";
import { deleteName } from "./delete-name.ts";
import { findName } from "./find-name.ts";
import { finishIntent } from "./finish-intent.ts";
import { letGoOfName } from "./let-go-name.ts";
import { purgeName } from "./purge-name.ts";
import { LOCKED_RETRY_MS } from "./limits.ts";
import { isOurs, type NameFailure } from "./outcome.ts";
import { patchName } from "./patch-name.ts";
import { putName } from "./put-name.ts";

// Owns: the order of a plan's steps, name by name, behind the destination's breaker.

export type PlanRun =
  | { readonly kind: "replan" | "superseded" }
  | { readonly kind: "again"; readonly afterMs: number }
  | {
      readonly kind: "ended";
      readonly loaded: LoadedRecord;
      readonly wrote: boolean;
      readonly failures: readonly NameFailure[];
    };

type Work = Exclude<NameAction, { kind: "none" }>;

/** Does what the plan says. A plan without work asks nobody. */
export async function runPlan(
  attempt: Attempt,
  wish: Wish,
  { actions }: Plan,
  start: LoadedRecord,
): Promise<PlanRun> {
  const work = actions.filter((action): action is Work => action.kind !== "none");
  if (work.length === 0) return { kind: "ended", loaded: start, wrote: false, failures: [] };
  const { command, signal, isWoken, deps } = attempt;
  const tooSoonMs = spacingLeftMs(work, start, deps);
  if (tooSoonMs > 0) return { kind: "again", afterMs: tooSoonMs };
  const entered = await deps.breakers.enter(command, { patient: !isWoken }, signal);
  switch (entered.kind) {
    case "busy":
      return { kind: "again", afterMs: entered.retryMs };
    case "refused": {
      const { error, waitMs } = entered;
      return { kind: "ended", loaded: start, wrote: false, failures: [{ error, waitMs }] };
    }
    case "entered":
      try {
        const run = await runWork(attempt, wish, work, start, () => entered.leave("success"));
        if (run.kind === "ended") {
          const errors = run.failures.map(({ error }) => error);
          entered.leave(verdictOf({ wrote: run.wrote, errors }), errors.find(isOfTheDestination));
        }
        return run;
      } finally {
        entered.leave("neutral");
      }
    default:
      return assertNever(entered);
  }
}

// Of the names that are about to be written again the one that was written last. By the writer's clock, so a clock that is
// ahead costs no more than the spacing itself.
function spacingLeftMs(
  work: readonly Work[],
  { record }: LoadedRecord,
  { clock, putSpacingMs }: Pick<Attempt["deps"], "clock" | "putSpacingMs">,
): number {
  const nowMs = clock.now();
  const left = work.map((action) => {
    const applied = action.kind === "put" ? record.names[action.wished.lower]?.applied : undefined;
    if (applied === undefined || applied === null) return 0;
    return Math.min(putSpacingMs, Date.parse(applied.at) + putSpacingMs - nowMs);
  });
  return Math.max(0, ...left);
}

// Names are independent: one that fails does not keep the others, unless the whole destination fails. Deletes wait
// until all puts are done (SINK-2).
async function runWork(
  attempt: Attempt,
  wish: Wish,
  work: readonly Work[],
  start: LoadedRecord,
  onWrite: () => void,
): Promise<PlanRun> {
  const failures: NameFailure[] = [];
  let loaded = start;
  let wrote = false;
  for (const [index, action] of work.entries()) {
    if (isLetGo(action) && failures.length > 0) continue;
    const result = await runAction(attempt, wish, action, loaded);
    if (result.kind === "replan" || result.kind === "superseded") return { kind: result.kind };
    if (result.kind === "locked") return { kind: "again", afterMs: LOCKED_RETRY_MS };
    if (result.kind === "done") {
      wrote ||= result.wrote;
      if (result.wrote) onWrite();
    } else {
      failures.push({ error: result.error, ...(result.kind === "waiting" ? { waitMs: result.waitMs } : {}) });
    }
    const isLast =
      index === work.length - 1 || (result.kind === "waiting" && isOfTheDestination(result.error));
    const stored = await storeProgress(attempt, loaded, result.loaded, isLast);
    if (stored === undefined) return { kind: "replan" };
    loaded = stored;
    if (isLast) break;
  }
  return { kind: "ended", loaded, wrote, failures };
}

function isLetGo({ kind }: Work): boolean {
  return kind === "delete" || kind === "disable" || kind === "release" || kind === "purge";
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
  wish: Wish,
  action: Work,
  loaded: LoadedRecord,
): Promise<NameResult> {
  try {
    switch (action.kind) {
      case "finish":
        return await finishIntent(attempt, action.lower);
      case "find":
        return await findName(attempt, action, loaded);
      case "delete":
        return await deleteName(attempt, action, loaded);
      case "disable":
      case "release":
        return await letGoOfName(attempt, { ...action, kind: action.kind }, loaded);
      case "purge":
        return await purgeName(attempt, action, loaded);
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
