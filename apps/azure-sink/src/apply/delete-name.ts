import { toKeyferryError } from "@keyferry/errors";
import { newOpId } from "@keyferry/naming";
import type { LetGo } from "../plan/plan.ts";
import { endName, type NameEnd, openIntent } from "../record/record.ts";
import type { LoadedRecord } from "../record/record-store.ts";
import { type Attempt, deadlineSignal, endsUnclearly, type NameResult, underLock } from "./attempt.ts";
import { lookBeforeDelete } from "./claim.ts";
import { WRITE_DEADLINE_MS } from "./limits.ts";
import { conflictError, holdsLongEnough, lockLost, refusedOrWaiting } from "./put-name.ts";

/**
 * Deletes one external secret of ours. Always looks first (P3, O4): what lies there and is not ours stays, and our
 * part is done, since nothing of ours is left under the name.
 */
export async function deleteName(
  attempt: Attempt,
  { name, lower }: LetGo,
  loaded: LoadedRecord,
): Promise<NameResult> {
  const { deps, destination, command, fence } = attempt;
  return underLock(attempt, lower, "other", async (lock, grant) => {
    const ended = (from: LoadedRecord, end: NameEnd): LoadedRecord => ({
      ...from,
      record: endName(from.record, name, end),
    });
    const ownership = await lookBeforeDelete(attempt, name, loaded.record.names[lower], grant);
    if (ownership.kind === "free") {
      const isRecovering = loaded.record.names[lower]?.state === "recovering";
      // A recovery may still be under way behind an empty list of versions; the delete has to meet it.
      if (!isRecovering) return { kind: "done", wrote: false, loaded: ended(loaded, { kind: "absent" }) };
    } else if (ownership.kind !== "ours") {
      deps.events.foreignNameLeft({ command, name, whose: ownership.kind });
      return { kind: "done", wrote: false, loaded: ended(loaded, { kind: "absent" }) };
    }
    const intent = {
      opId: newOpId(deps.random),
      action: "delete" as const,
      fence,
      deadlineMs: WRITE_DEADLINE_MS,
    };
    const opened = await attempt.store.append(
      openIntent(loaded.record, name, intent, deps.clock.now()),
      loaded.sequence,
      command.epoch,
    );
    if (opened === undefined) return { kind: "replan" };
    try {
      if (!(await holdsLongEnough(attempt, lock))) {
        return { kind: "waiting", loaded: ended(opened, { kind: "untouched" }), error: lockLost() };
      }
      const result = await grant.use(() =>
        destination.vault.delete(name, { signal: deadlineSignal(attempt.signal) }),
      );
      if (result.kind === "conflict") {
        const error = conflictError(name, result.reason);
        return { kind: "waiting", loaded: ended(opened, { kind: "untouched" }), error };
      }
      deps.events.externalSecretDeleted({ command, name });
      return { kind: "done", wrote: result.kind === "deleted", loaded: ended(opened, { kind: "deleted" }) };
    } catch (thrown) {
      const error = toKeyferryError(thrown);
      if (endsUnclearly(error)) return { kind: "waiting", loaded: opened, error, waitMs: WRITE_DEADLINE_MS };
      return refusedOrWaiting(error, ended(opened, { kind: "untouched" }));
    }
  });
}
