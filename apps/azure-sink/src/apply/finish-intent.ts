import type { Intent, NameRecord } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import { endName, type NameEnd } from "../record/record.ts";
import { type Attempt, type NameResult, pacedRead, underLock } from "./attempt.ts";
import { claimantOf } from "./claim.ts";
import { VERSION_PAGES_MAX } from "./limits.ts";
import { findAttempt } from "./ownership.ts";

/**
 * Finds out how an attempt ended whose end nobody recorded: its sink died, or Azure's answer was lost. Waits out the
 * deadline first, so that the attempt cannot land afterwards, then looks for its op id: a look-up, not a version (P4).
 */
export async function finishIntent(attempt: Attempt, lower: string): Promise<NameResult> {
  return underLock(attempt, lower, "other", async () => {
    // Fresh from JetStream: the intent's time is that of its message.
    const loaded = await attempt.store.load(attempt.command, { fresh: true });
    const name = loaded.record.names[lower];
    if (name === undefined || name.intent === null) return { kind: "replan" };
    const left = deadlineLeftMs(name.intent, attempt.deps.clock.now());
    if (left > 0) {
      const error = new KeyferryError("answer-lost", "An earlier write to this name has not ended", {
        action: name.intent.action,
      });
      return { kind: "waiting", loaded, error, waitMs: left };
    }
    const end = await howItEnded(attempt, name, name.intent);
    attempt.deps.events.intentFinished({ action: name.intent.action, landed: end.kind !== "untouched" });
    // Stored or overtaken by another sink: either way the record has changed and the plan is made anew.
    await attempt.store.append(
      endName(loaded.record, name.name, end),
      loaded.sequence,
      attempt.command.epoch,
    );
    return { kind: "replan" };
  });
}

/** Milliseconds until a write with this intent can't land any more. */
export function deadlineLeftMs({ openedAt, deadlineMs }: Intent, nowMs: number): number {
  // Without a time the whole deadline is waited for, and once more: it may have been opened just now (O13).
  return openedAt === undefined ? 2 * deadlineMs : openedAt + deadlineMs - nowMs;
}

async function howItEnded(attempt: Attempt, name: NameRecord, intent: Intent): Promise<NameEnd> {
  // A recovery leaves the name in "recovering" either way: the next write is the probe. A delete is looked at anew.
  if (intent.action === "recover") return { kind: "recovering" };
  if (intent.action === "delete") return { kind: "untouched" };
  const { vault } = attempt.destination;
  const { versions } = await pacedRead(attempt, (signal) =>
    vault.versions(name.name, { signal, pagesMax: VERSION_PAGES_MAX }),
  );
  const found = findAttempt(versions, intent.opId, claimantOf(attempt, name.name));
  if (found === undefined || intent.target === undefined) return { kind: "untouched" };
  const { version, mark } = found;
  return {
    kind: "applied",
    applied: {
      ...intent.target,
      fence: mark.fence,
      keyVaultVersion: version.version,
      digest: mark.digest,
      at: new Date(version.createdOn).toISOString(),
    },
  };
}
