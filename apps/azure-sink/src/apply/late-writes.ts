import type { LateCheck, Outcome, SyncRecord } from "@keyferry/contracts";
import { KeyferryError, toKeyferryError } from "@keyferry/errors";
import { isOfTheDestination } from "../breaker/verdict.ts";
import { afterLateChecks, dueLateChecks } from "../record/late-checks.ts";
import type { LoadedRecord } from "../record/record-store.ts";
import { type Attempt, deadlineSignal, type Grant, type NameResult, underLock } from "./attempt.ts";
import { claimantOf } from "./claim.ts";
import { judgeLate, repairable } from "./judge-late.ts";
import { VERSION_PAGES_MAX } from "./limits.ts";
import { isOurs } from "./outcome.ts";

// Owns: the timed second look after writes that ended unclearly (O13). It changes nothing in the vault: what it finds
// goes into the record, from which the ordinary plan repairs it, also after a crash.

/** `undefined`: somebody else changed the record, or the name is in use: load and look again. */
export async function checkLateWrites(
  attempt: Attempt,
  start: LoadedRecord,
): Promise<LoadedRecord | undefined> {
  const due = dueLateChecks(start.record, attempt.deps.clock.now());
  if (due.length === 0) return start;
  const { command, signal, deps } = attempt;
  const entered = await deps.breakers.enter(command, { patient: false }, signal);
  // Later, then: the times stay in the record.
  if (entered.kind !== "entered") return start;
  try {
    return await lookAtAll(attempt, start, due);
  } catch (thrown) {
    const error = toKeyferryError(thrown);
    if (isOurs(error)) throw error;
    if (isOfTheDestination(error)) entered.leave("failure", error);
    deps.logger.debug({ destination: command.destination, code: error.code }, "second look left for later");
    return start;
  } finally {
    entered.leave("neutral");
  }
}

async function lookAtAll(
  attempt: Attempt,
  start: LoadedRecord,
  due: readonly LateCheck[],
): Promise<LoadedRecord | undefined> {
  let loaded = start;
  for (const [lower, checks] of Map.groupBy(due, ({ name }) => name.toLowerCase())) {
    const result = await underLock(attempt, lower, "other", (_lock, grant) =>
      lookAtOne(attempt, grant, lower, checks, loaded),
    );
    // Superseded: the newer command makes the looks that are due.
    if (result.kind === "superseded") return loaded;
    if (result.kind !== "done") return undefined;
    loaded = result.loaded;
  }
  return loaded;
}

async function lookAtOne(
  attempt: Attempt,
  grant: Grant,
  lower: string,
  checks: readonly LateCheck[],
  loaded: LoadedRecord,
): Promise<NameResult> {
  const { command, deps, destination, store } = attempt;
  const name = checks[0]?.name ?? lower;
  const signal = deadlineSignal(attempt.signal);
  const { versions } = await grant.use(() =>
    destination.vault.versions(name, { signal, pagesMax: VERSION_PAGES_MAX }),
  );
  const claimant = claimantOf(attempt, name);
  const found = new Set<string>();
  let known = loaded.record.names[lower];
  for (const check of checks) {
    const finding = judgeLate(check, known, versions, claimant);
    if (finding.kind === "none") continue;
    deps.events.lateWrite({ command, name, action: check.action, finding: finding.kind });
    found.add(check.opId);
    known = repairable(known, name, finding);
  }
  const looked = { lowerNames: new Set([lower]), found, nowMs: deps.clock.now() };
  let record = afterLateChecks(loaded.record, looked);
  if (known !== undefined && found.size > 0) {
    const error = new KeyferryError(
      "answer-lost",
      "An earlier write took effect after its time: it is repaired",
    );
    const names = { ...record.names, [lower]: known };
    record = withRepairDue({ ...record, names }, error, deps.clock.now());
  }
  const stored = await store.append(record, loaded.sequence, command.epoch);
  if (stored === undefined) return { kind: "replan" };
  if (found.size > 0) await deps.memory.later.park(command.destination, command.secretKey, deps.clock.now());
  return { kind: "done", loaded: stored, wrote: false };
}

/**
 * The record of a pair whose repair is due. Until the repair has its own outcome the pair is not in step, and settle must
 * know if this sink dies now.
 */
export function withRepairDue(record: SyncRecord, error: KeyferryError, nowMs: number): SyncRecord {
  if (record.outcome === null) return record;
  const outcome: Outcome = { kind: "waiting", until: nowMs, attempts: 0, error: error.report() };
  const since = record.outcome.kind === "waiting" ? record.since : new Date(nowMs).toISOString();
  return { ...record, outcome, since };
}
