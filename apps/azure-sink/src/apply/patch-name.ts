import { toKeyferryError } from "@keyferry/errors";
import { newOpId } from "@keyferry/naming";
import type { NameAction } from "../plan/plan.ts";
import { endName, openIntent } from "../record/record.ts";
import type { LoadedRecord } from "../record/record-store.ts";
import type { Wish } from "../wish/wish.ts";
import { type Attempt, deadlineSignal, endsUnclearly, type NameResult, underLock } from "./attempt.ts";
import { UNCLEAR_LOOK_MS, WRITE_DEADLINE_MS } from "./limits.ts";
import { conflictError, holdsLongEnough, lockLost, refusedOrWaiting, tagsOf, targetOf } from "./put-name.ts";

/** Brings tags and attributes up to date on the very version that we wrote, in the wider rate limit and without a new version (P4). */
export async function patchName(
  attempt: Attempt,
  wish: Extract<Wish, { kind: "present" }>,
  { wished, keyVaultVersion }: Extract<NameAction, { kind: "patch" }>,
  loaded: LoadedRecord,
): Promise<NameResult> {
  const { name, lower } = wished;
  const { deps, destination, command, fence } = attempt;
  const known = loaded.record.names[lower]?.applied;
  if (known === undefined || known === null) return { kind: "replan" };
  return underLock(attempt, lower, "other", async (lock, grant) => {
    const opId = newOpId(deps.random);
    const target = targetOf(wish);
    const intent = { opId, action: "patch" as const, fence, deadlineMs: WRITE_DEADLINE_MS, target };
    const opened = await attempt.store.append(
      openIntent(loaded.record, name, intent, deps.clock.now()),
      loaded.sequence,
      command.epoch,
    );
    if (opened === undefined) return { kind: "replan" };
    const ended = (end: Parameters<typeof endName>[2]): LoadedRecord => ({
      ...opened,
      record: endName(opened.record, name, end),
    });
    try {
      const { tags } = tagsOf(attempt, wish, wished, { knownDigest: known.digest }, opId);
      if (!(await holdsLongEnough(attempt, lock))) {
        return { kind: "waiting", loaded: ended({ kind: "untouched" }), error: lockLost() };
      }
      const result = await grant.use(() =>
        destination.vault.patch(
          name,
          keyVaultVersion,
          { tags, ...wish.attributes },
          { signal: deadlineSignal(attempt.signal) },
        ),
      );
      switch (result.kind) {
        case "patched": {
          deps.events.externalSecretPatched({ command, name });
          const { tagsDigest, attributes } = wish;
          const applied = { ...known, fence, tagsDigest, attributes };
          return { kind: "done", wrote: true, loaded: ended({ kind: "applied", applied }) };
        }
        case "absent": {
          // Somebody deleted it. The record says so, and the plan that follows writes it again.
          await attempt.store.append(ended({ kind: "absent" }).record, opened.sequence, command.epoch);
          return { kind: "replan" };
        }
        case "conflict": {
          const error = conflictError(name, result.reason);
          return { kind: "waiting", loaded: ended({ kind: "untouched" }), error };
        }
      }
    } catch (thrown) {
      const error = toKeyferryError(thrown);
      if (endsUnclearly(error)) return { kind: "waiting", loaded: opened, error, waitMs: UNCLEAR_LOOK_MS };
      return refusedOrWaiting(error, ended({ kind: "untouched" }));
    }
  });
}
