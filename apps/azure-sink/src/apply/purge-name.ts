import { KeyferryError } from "@keyferry/errors";
import type { Purge } from "../plan/plan.ts";
import type { LoadedRecord } from "../record/record-store.ts";
import { type Attempt, type Grant, type NameResult, underLock } from "./attempt.ts";
import { lookBeforePurge } from "./claim.ts";
import { PURGE_LOOK_MS_MAX } from "./limits.ts";
import { conflictError } from "./put-name.ts";
import { endedAs, takeAway } from "./take-away.ts";

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
    const notPurged = (from: LoadedRecord, why: "protected" | "denied"): NameResult => {
      deps.events.purgeRefused({ command, name, why });
      return { kind: "done", wrote: false, loaded: endedAs(from, name, { kind: "not-purged", why }) };
    };
    const look = await lookForDeleted(attempt, name, grant);
    if (look === "denied") return notPurged(loaded, "denied");
    if (look === undefined) {
      // A delete takes Key Vault some time, in which the secret is in neither list (reference: 4 to 24 s).
      if (!hasWaitedLong(attempt, loaded))
        return { kind: "waiting", loaded, error: conflictError(name, "being-deleted") };
      return { kind: "done", wrote: false, loaded: endedAs(loaded, name, { kind: "absent" }) };
    }
    if (look.ownership.kind !== "ours") {
      deps.events.foreignNameLeft({ command, name, whose: look.ownership.kind });
      return { kind: "done", wrote: false, loaded: endedAs(loaded, name, { kind: "absent" }) };
    }
    if (look.isProtected) return notPurged(loaded, "protected");
    return takeAway(attempt, loaded, {
      name,
      lock,
      send: (signal) => grant.use(() => attempt.destination.vault.purge(name, { signal })),
      end: { kind: "absent" },
      tell: () => deps.events.externalSecretPurged({ command, name }),
      denied: (opened) => notPurged(opened, "denied"),
    });
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
