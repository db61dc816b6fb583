import { LET_GO, type NameAction } from "../plan/plan.ts";
import { endName } from "../record/record.ts";
import type { LoadedRecord } from "../record/record-store.ts";
import { type Attempt, type NameResult, underLock } from "./attempt.ts";
import { lookForOurs } from "./let-go-name.ts";

/**
 * Looks whether something of ours lies under a name that no record tells of, and puts it on record. What happens to it
 * then is the plan's: without a permit it is held.
 */
export async function findName(
  attempt: Attempt,
  { name, lower }: Extract<NameAction, { kind: "find" }>,
  loaded: LoadedRecord,
): Promise<NameResult> {
  return underLock(attempt, lower, "other", async (_lock, grant) => {
    const kind = LET_GO[attempt.policy.onDelete];
    const look = await lookForOurs(attempt, { kind, name, lower }, loaded, grant);
    if (look.kind !== "ours" || look.versions.length === 0) return { kind: "done", wrote: false, loaded };
    const found = endName(loaded.record, name, { kind: "found" });
    // Stored or overtaken by another sink: either way the record has changed and the plan is made anew.
    await attempt.store.append(found, loaded.sequence, attempt.command.epoch);
    return { kind: "replan" };
  });
}
