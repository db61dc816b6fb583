import type { Applied } from "@keyferry/contracts";
import { KeyferryError, toKeyferryError } from "@keyferry/errors";
import { activeDigestKey, digestOf, mergeTags, newOpId, ownerTags, renderPayload } from "@keyferry/naming";
import type { SecretValue } from "@keyferry/ports";
import type { Lock } from "@keyferry/state";
import type { NameAction } from "../plan/plan.ts";
import { endName, openIntent } from "../record/record.ts";
import type { LoadedRecord } from "../record/record-store.ts";
import type { Wish, WishedName } from "../wish/wish.ts";
import {
  type Attempt,
  deadlineSignal,
  endsUnclearly,
  type Grant,
  type NameResult,
  underLock,
} from "./attempt.ts";
import { lookAtName, refusalOf } from "./claim.ts";
import { recoverName } from "./recover-name.ts";
import { LOCK_LEASE_MS, LOCK_LEFT_MS_MIN, UNCLEAR_LOOK_MS, WRITE_DEADLINE_MS } from "./limits.ts";

type PresentWish = Extract<Wish, { kind: "present" }>;

/**
 * Writes one external secret: permit, lock, look where the name is not known to be ours, intent, value, write, end.
 * Nothing slow stands between reading the value and sending it, and the value is held for that time only (P5).
 */
export async function putName(
  attempt: Attempt,
  wish: PresentWish,
  action: Extract<NameAction, { kind: "put" }>,
  loaded: LoadedRecord,
): Promise<NameResult> {
  const { name, lower } = action.wished;
  const { vault } = attempt.destination;
  // The handshake of a cold client comes before the value is read, so that no value waits for a token.
  await vault.prime({ signal: attempt.signal });
  return underLock(attempt, lower, "create", async (lock, grant) => {
    if (action.look) {
      const refusal = refusalOf(await lookAtName(attempt, name, loaded.record.names[lower], grant), name);
      if (refusal !== undefined) return refusedOrWaiting(refusal, loaded);
    }
    const opId = newOpId(attempt.deps.random);
    const target = { incarnation: wish.incarnation, version: wish.version, tagsDigest: wish.tagsDigest };
    const intent = {
      opId,
      action: "put" as const,
      fence: attempt.fence,
      deadlineMs: WRITE_DEADLINE_MS,
      target,
    };
    const opened = await attempt.store.append(
      openIntent(loaded.record, name, intent, attempt.deps.clock.now()),
      loaded.sequence,
      attempt.command.epoch,
    );
    if (opened === undefined) return { kind: "replan" };
    return sendValue(attempt, wish, action.wished, { opened, lock, grant, opId });
  });
}

interface Sending {
  readonly opened: LoadedRecord;
  readonly lock: Lock;
  readonly grant: Grant;
  readonly opId: string;
}

async function sendValue(
  attempt: Attempt,
  wish: PresentWish,
  wished: WishedName,
  sending: Sending,
): Promise<NameResult> {
  const { deps, destination } = attempt;
  const { opened, opId, grant } = sending;
  const { name } = wished;
  const untouched = (): LoadedRecord => ({
    ...opened,
    record: endName(opened.record, name, { kind: "untouched" }),
  });
  try {
    const value = await readValue(attempt, wish, wished);
    if (value === undefined) {
      await attempt.store.append(untouched().record, opened.sequence, attempt.command.epoch);
      return { kind: "replan" };
    }
    const { tags, digest } = tagsOf(attempt, wish, wished, value, opId);
    if (!(await holdsLongEnough(attempt, sending.lock)))
      return { kind: "waiting", loaded: untouched(), error: lockLost() };
    const result = await grant.use(() =>
      destination.vault.put(name, { value, tags }, { signal: deadlineSignal(attempt.signal) }),
    );
    if (result.kind === "conflict") {
      if (result.reason === "deleted-recoverable") return await recoverName(attempt, name, untouched());
      return { kind: "waiting", loaded: untouched(), error: conflictError(name, result.reason) };
    }
    const applied: Applied = {
      fence: attempt.fence,
      incarnation: wish.incarnation,
      version: wish.version,
      keyVaultVersion: result.version,
      digest,
      tagsDigest: wish.tagsDigest,
      at: new Date(deps.clock.now()).toISOString(),
    };
    deps.events.externalSecretPut({
      command: attempt.command,
      name,
      version: wish.version,
      nowMs: deps.clock.now(),
    });
    return {
      kind: "done",
      wrote: true,
      loaded: { ...opened, record: endName(opened.record, name, { kind: "applied", applied }) },
    };
  } catch (thrown) {
    const error = toKeyferryError(thrown);
    // The answer is missing, not the effect: the intent stays open and the next attempt looks for its op id.
    if (endsUnclearly(error)) return { kind: "waiting", loaded: opened, error, waitMs: UNCLEAR_LOOK_MS };
    return refusedOrWaiting(error, untouched());
  }
}

/** The value to write, or undefined if the wished version can't be read any more. */
async function readValue(
  attempt: Attempt,
  wish: PresentWish,
  wished: WishedName,
): Promise<SecretValue | undefined> {
  const { command, deps, signal } = attempt;
  const read = await deps.source.readVersion(command.secret, wish.version, signal);
  // 404 with or without a body: destroyed, deleted or pruned in between. Never a delete, never a value (hazard
  // value-behind-metadata): the metadata is read once more.
  if (read.kind !== "live") return undefined;
  const payload = renderPayload({ granularity: command.spec.granularity, rawJson: read.data });
  switch (payload.kind) {
    case "whole":
      return payload.value;
    case "keys":
      return wished.subKey === undefined ? undefined : payload.values.get(wished.subKey);
    case "refused":
      throw new KeyferryError("value-unusable", `The secret's data can't be synced: ${payload.why}`);
  }
}

/** The tags of what is written: the association's own and, over them, the two owner tags. */
export function tagsOf(
  attempt: Attempt,
  wish: PresentWish,
  wished: WishedName,
  value: SecretValue | { knownDigest: string },
  opId: string,
): { tags: Record<string, string>; digest: string } {
  const { command, deps, destination, fence } = attempt;
  const { instanceId, tagKeys } = deps.identity;
  const placement = { instanceId, vaultHost: destination.vault.vaultHost, lowerName: wished.lower };
  const digest =
    "knownDigest" in value
      ? value.knownDigest
      : digestOf({
          ...placement,
          key: activeDigestKey(tagKeys, command.destination),
          incarnation: wish.incarnation,
          version: wish.version,
          value,
          contentType: undefined,
        });
  const mark = {
    ...placement,
    association: command.association,
    fence,
    opId,
    sourceVersion: wish.version,
    digest,
  };
  const merged = mergeTags(command.spec.customTags, ownerTags(mark, tagKeys));
  if (merged.kind === "refused")
    throw new KeyferryError("tags-invalid", `The custom tags are refused: ${merged.what}`);
  return { tags: merged.tags, digest };
}

/** True if the lock is ours for long enough to send a write under it; extends it where that is needed. */
export async function holdsLongEnough({ deps }: Attempt, lock: Lock): Promise<boolean> {
  if (lock.leftMs() >= LOCK_LEFT_MS_MIN) return true;
  const extended = await deps.memory.locks.extend(lock, LOCK_LEASE_MS);
  return extended !== undefined && extended.leftMs() >= LOCK_LEFT_MS_MIN;
}

export function lockLost(): KeyferryError {
  return new KeyferryError("lock-lost", "The name's lock ran out before the write was sent");
}

export function conflictError(name: string, reason: string): KeyferryError {
  return new KeyferryError("vault-conflict", `Key Vault answers that ${name} is ${reason}`, { name, reason });
}

/** An error as the end of a name's attempt, by its retry class. */
export function refusedOrWaiting(error: KeyferryError, loaded: LoadedRecord): NameResult {
  return error.retry === "hopeless" ? { kind: "refused", loaded, error } : { kind: "waiting", loaded, error };
}
