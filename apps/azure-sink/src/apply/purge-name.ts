import { KeyferryError, toKeyferryError } from "@keyferry/errors";
import { newOpId } from "@keyferry/naming";
import type { Purge } from "../plan/plan.ts";
import { endName, type NameEnd, openIntent } from "../record/record.ts";
import type { LoadedRecord } from "../record/record-store.ts";
import {
  type Attempt,
  deadlineSignal,
  endsUnclearly,
  type Grant,
  type NameResult,
  underLock,
} from "./attempt.ts";
import { lookBeforePurge } from "./claim.ts";
import { PURGE_LOOK_MS_MAX, WRITE_DEADLINE_MS } from "./limits.ts";
import { conflictError, holdsLongEnough, lockLost, refusedOrWaiting } from "./put-name.ts";

/**
 * Purges a soft-deleted external secret of ours. Always looks first (P3), also whether the vault allows it at all: what is
 * refused ends the matter, as the secret is deleted, which is what was wished. Repeatable at any point: who dies in between
 * leaves a deleted name, which is purged by the next attempt.
 */
export async function purgeName(
  attempt: Attempt,
  { name, lower }: Purge,
  loaded: LoadedRecord,
): Promise<NameResult> {
  // The delete before it found nothing of ours.
  if (loaded.record.names[lower]?.state !== "deleted") return { kind: "done", wrote: false, loaded };
  return underLock(attempt, lower, "other", async (lock, grant) => {
    const { deps, command } = attempt;
    const ended = (from: LoadedRecord, end: NameEnd): LoadedRecord => ({
      ...from,
      record: endName(from.record, name, end),
    });
    const notPurged = (from: LoadedRecord, why: "protected" | "denied"): NameResult => {
      deps.events.purgeRefused({ command, name, why });
      return { kind: "done", wrote: false, loaded: ended(from, { kind: "not-purged", why }) };
    };
    const look = await lookForDeleted(attempt, name, grant);
    if (look === "denied") return notPurged(loaded, "denied");
    if (look === undefined) {
      // A delete takes Key Vault some time, in which the secret is in neither list (reference: 4 to 24 s).
      if (!hasWaitedLong(attempt, loaded))
        return { kind: "waiting", loaded, error: conflictError(name, "being-deleted") };
      return { kind: "done", wrote: false, loaded: ended(loaded, { kind: "absent" }) };
    }
    if (look.ownership.kind !== "ours") {
      deps.events.foreignNameLeft({ command, name, whose: look.ownership.kind });
      return { kind: "done", wrote: false, loaded: ended(loaded, { kind: "absent" }) };
    }
    if (look.isProtected) return notPurged(loaded, "protected");
    const intent = {
      opId: newOpId(deps.random),
      // One of taking away: whoever has to finish it finds a deleted name, as after a delete, and goes on from there.
      action: "delete" as const,
      fence: attempt.fence,
      deadlineMs: WRITE_DEADLINE_MS,
    };
    const opened = await attempt.store.append(
      openIntent(loaded.record, name, intent, deps.clock.now()),
      loaded.sequence,
      command.epoch,
    );
    if (opened === undefined) return { kind: "replan" };
    try {
      if (!(await holdsLongEnough(attempt, lock)))
        return { kind: "waiting", loaded: ended(opened, { kind: "untouched" }), error: lockLost() };
      const { vault } = attempt.destination;
      const result = await grant.use(() => vault.purge(name, { signal: deadlineSignal(attempt.signal) }));
      if (result.kind === "conflict") {
        const error = conflictError(name, result.reason);
        return { kind: "waiting", loaded: ended(opened, { kind: "untouched" }), error };
      }
      deps.events.externalSecretPurged({ command, name });
      return { kind: "done", wrote: result.kind === "purged", loaded: ended(opened, { kind: "absent" }) };
    } catch (thrown) {
      const error = toKeyferryError(thrown);
      if (error.code === "vault-denied") return notPurged(opened, "denied");
      if (endsUnclearly(error)) return { kind: "waiting", loaded: opened, error, waitMs: WRITE_DEADLINE_MS };
      return refusedOrWaiting(error, ended(opened, { kind: "untouched" }));
    }
  });
}

/** Who may see no deleted secret may purge none either: whose it is could not be told. */
async function lookForDeleted(
  attempt: Attempt,
  name: string,
  grant: Grant,
): Promise<Awaited<ReturnType<typeof lookBeforePurge>> | "denied"> {
  try {
    return await lookBeforePurge(attempt, name, grant);
  } catch (thrown) {
    if (thrown instanceof KeyferryError && thrown.code === "vault-denied") return "denied";
    throw thrown;
  }
}

// Somebody else has purged it, or a purge of ours landed whose end nobody recorded.
function hasWaitedLong({ deps }: Attempt, { record }: LoadedRecord): boolean {
  return (
    record.outcome?.kind === "waiting" && deps.clock.now() - Date.parse(record.since) > PURGE_LOOK_MS_MAX
  );
}
