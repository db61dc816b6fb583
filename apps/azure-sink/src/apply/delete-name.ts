import type { LetGo } from "../plan/plan.ts";
import type { LoadedRecord } from "../record/record-store.ts";
import { type Attempt, type NameResult, underLock } from "./attempt.ts";
import { lookBeforeDelete } from "./claim.ts";
import { endedAs, takeAway } from "./take-away.ts";

/**
 * Deletes one external secret of ours. Always looks first (P3, O4): what lies there and is not ours stays, and our
 * part is done, since nothing of ours is left under the name.
 */
export async function deleteName(
  attempt: Attempt,
  { name, lower }: LetGo,
  loaded: LoadedRecord,
): Promise<NameResult> {
  const { deps, destination, command } = attempt;
  return underLock(attempt, lower, "other", async (lock, grant) => {
    const ownership = await lookBeforeDelete(attempt, name, loaded.record.names[lower], grant);
    if (ownership.kind === "free") {
      const isRecovering = loaded.record.names[lower]?.state === "recovering";
      // A recovery may still be under way behind an empty list of versions; the delete has to meet it.
      if (!isRecovering)
        return { kind: "done", wrote: false, loaded: endedAs(loaded, name, { kind: "absent" }) };
    } else if (ownership.kind !== "ours") {
      deps.events.foreignNameLeft({ command, name, whose: ownership.kind });
      return { kind: "done", wrote: false, loaded: endedAs(loaded, name, { kind: "absent" }) };
    }
    return takeAway(attempt, loaded, {
      name,
      lock,
      send: (signal) => grant.use(() => destination.vault.delete(name, { signal })),
      end: { kind: "deleted" },
      tell: () => deps.events.externalSecretDeleted({ command, name }),
    });
  });
}
