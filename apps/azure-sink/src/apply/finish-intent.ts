import type { Intent, NameRecord } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import { withLateCheck } from "../record/late-checks.ts";
import { endName, type NameEnd } from "../record/record.ts";
import { type Attempt, deadlineSignal, type Grant, type NameResult, underLock } from "./attempt.ts";
import { claimantOf } from "./claim.ts";
import { VERSION_PAGES_MAX } from "./limits.ts";
import { findAttempt } from "./ownership.ts";

/**
 * Finds out how an attempt ended whose end nobody recorded: its sink died, or Azure's answer was lost. Looks for its op
 * id: a look-up, not a version (P4). What has not landed may still do so until its deadline, which is waited out; if it
 * lands even later, it is found by a check of its own (O13).
 */
export async function finishIntent(attempt: Attempt, lower: string): Promise<NameResult> {
  return underLock(attempt, lower, "other", async (_lock, grant) => {
    // Fresh from JetStream: the intent's time is that of its message.
    const loaded = await attempt.store.load(attempt.command, { fresh: true });
    const name = loaded.record.names[lower];
    if (name === undefined || name.intent === null) return { kind: "replan" };
    const { intent } = name;
    const nowMs = attempt.deps.clock.now();
    const landed = await whatLanded(attempt, grant, name, intent);
    const left = deadlineLeftMs(intent, nowMs);
    if (landed === undefined && left > 0) {
      const error = new KeyferryError("answer-lost", "An earlier write to this name has not ended", {
        action: intent.action,
      });
      return { kind: "waiting", loaded, error, waitMs: left };
    }
    attempt.deps.events.intentFinished({ action: intent.action, landed: landed !== undefined });
    const ended = endName(loaded.record, name.name, landed ?? unlandedEnd(intent));
    const record = landed === undefined ? withLateCheck(ended, name.name, intent, nowMs) : ended;
    // Stored or overtaken by another sink: either way the record has changed and the plan is made anew.
    await attempt.store.append(record, loaded.sequence, attempt.command.epoch);
    return { kind: "replan" };
  });
}

/** Milliseconds until a write with this intent can't land any more. */
export function deadlineLeftMs({ openedAt, deadlineMs }: Intent, nowMs: number): number {
  // Without a time the whole deadline is waited for, and once more: it may have been opened just now (O13).
  return openedAt === undefined ? 2 * deadlineMs : openedAt + deadlineMs - nowMs;
}

// A recovery leaves the name in "recovering" either way: the next write is the probe. A delete is looked at anew.
function unlandedEnd({ action }: Intent): NameEnd {
  switch (action) {
    case "recover":
      return { kind: "recovering" };
    // It acts on several versions, and may have got to some of them.
    case "disable":
    case "release":
      return { kind: "uncertain" };
    case "put":
    case "patch":
    case "delete":
      return { kind: "untouched" };
  }
}

/** What the attempt left in the vault; undefined if it has not landed, or leaves nothing that could be told by. */
async function whatLanded(
  attempt: Attempt,
  grant: Grant,
  name: NameRecord,
  intent: Intent,
): Promise<NameEnd | undefined> {
  if (intent.target === undefined) return undefined;
  const { vault } = attempt.destination;
  const signal = deadlineSignal(attempt.signal);
  const { versions } = await grant.use(() =>
    vault.versions(name.name, { signal, pagesMax: VERSION_PAGES_MAX }),
  );
  const found = findAttempt(versions, intent.opId, claimantOf(attempt, name.name));
  if (found === undefined) return undefined;
  const { version, mark } = found;
  const at = new Date(version.createdOn).toISOString();
  const { fence, digest } = mark;
  return {
    kind: "applied",
    applied: { ...intent.target, fence, keyVaultVersion: version.version, digest, at },
  };
}
