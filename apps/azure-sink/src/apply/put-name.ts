import { type Applied, type Intent, isSameVersionTime } from "@keyferry/contracts";
import { KeyferryError, toKeyferryError } from "@keyferry/errors";
import {
  activeDigestKey,
  digestMatches,
  digestOf,
  mergeTags,
  newOpId,
  ownerTags,
  renderPayload,
} from "@keyferry/naming";
import type { SecretValue } from "@keyferry/ports";
import type { Lock } from "@keyferry/state";
import type { NameAction } from "../plan/plan.ts";
import { endName, type NameEnd, openIntent } from "../record/record.ts";
import type { LoadedRecord } from "../record/record-store.ts";
import type { Wish, WishedName } from "../wish/wish.ts";
import {
  type Attempt,
  deadlineSignal,
  endsUnclearly,
  type Grant,
  type NameResult,
  pacedRead,
  underLock,
} from "./attempt.ts";
import { heldVersion, policyWithLeave } from "./adoption.ts";
import { lookAtVersions } from "./claim.ts";
import { recoverName } from "./recover-name.ts";
import { refusalOf } from "./ownership.ts";
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
  const { name, lower, subKey = null } = action.wished;
  const { vault } = attempt.destination;
  // The handshake of a cold client comes before the value is read, so that no value waits for a token.
  await vault.prime({ signal: attempt.signal });
  return underLock(attempt, lower, "create", async (lock, grant) => {
    let adopted: string | undefined;
    if (action.look) {
      const known = loaded.record.names[lower];
      const { ownership, newest, versions } = await lookAtVersions(attempt, name, known, grant);
      const refusal = refusalOf(ownership, name, policyWithLeave(attempt, lower, versions, known));
      if (refusal !== undefined) return refusedOrWaiting(refusal, loaded);
      const held = heldVersion(attempt, lower, wish, versions);
      if (held !== undefined && held.version === newest?.version) adopted = held.version;
      const { unlessNewest: applied } = action;
      if (applied !== undefined && newest?.enabled === true && newest.version === applied.keyVaultVersion) {
        // Versions never change in Key Vault, so what is recorded of it is true of the new epoch too.
        const verified = { ...applied, fence: attempt.fence };
        const record = endName(loaded.record, name, { kind: "applied", applied: verified });
        return { kind: "done", wrote: false, loaded: { ...loaded, record } };
      }
    }
    const opId = newOpId(attempt.deps.random);
    const target = targetOf(wish);
    const intent = {
      opId,
      action: "put" as const,
      fence: attempt.fence,
      deadlineMs: WRITE_DEADLINE_MS,
      target,
    };
    // Read while the intent is on its way: a version's value never changes, and nothing is sent without the intent.
    const reading = readValue(attempt, wish, action.wished);
    reading.catch(() => undefined);
    const opened = await attempt.store.append(
      openIntent(loaded.record, name, intent, attempt.deps.clock.now(), subKey),
      loaded.sequence,
      attempt.command.epoch,
    );
    if (opened === undefined) return { kind: "replan" };
    return sendValue(attempt, wish, action, { opened, lock, grant, opId, reading, adopted });
  });
}

interface Sending {
  readonly opened: LoadedRecord;
  readonly lock: Lock;
  readonly grant: Grant;
  readonly opId: string;
  readonly reading: Promise<SecretValue | undefined>;
  /** Somebody's version that holds this very value, and is taken over as it is. */
  readonly adopted: string | undefined;
}

async function sendValue(
  attempt: Attempt,
  wish: PresentWish,
  { wished, unlessSame }: Extract<NameAction, { kind: "put" }>,
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
    const value = await sending.reading;
    if (value === undefined) {
      await attempt.store.append(untouched().record, opened.sequence, attempt.command.epoch);
      return { kind: "replan" };
    }
    const { tags, digest } = tagsOf(attempt, wish, wished, value, opId);
    if (!(await holdsLongEnough(attempt, sending.lock)))
      return { kind: "waiting", loaded: untouched(), error: lockLost() };
    if (sending.adopted !== undefined) {
      const known = appliedBy(attempt, wish, sending.adopted, digest);
      return await patchSame(attempt, wish, known, { ...sending, name, tags, digest });
    }
    if (unlessSame !== undefined && isSameValue(attempt, wished, unlessSame, value)) {
      return await patchSame(attempt, wish, unlessSame, { ...sending, name, tags, digest });
    }
    const result = await grant.use(() =>
      destination.vault.put(
        name,
        { value, tags, ...wish.attributes },
        { signal: deadlineSignal(attempt.signal) },
      ),
    );
    if (result.kind === "conflict") {
      if (result.reason === "deleted-recoverable") return await recoverName(attempt, name, untouched());
      return { kind: "waiting", loaded: untouched(), error: conflictError(name, result.reason) };
    }
    const applied = appliedBy(attempt, wish, result.version, digest);
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

function appliedBy(
  { fence, deps }: Attempt,
  wish: PresentWish,
  keyVaultVersion: string,
  digest: string,
): Applied {
  const at = new Date(deps.clock.now()).toISOString();
  return { ...targetOf(wish), fence, keyVaultVersion, digest, at };
}

function isSameValue(
  { deps, destination, command }: Attempt,
  { lower: lowerName }: WishedName,
  { digest, incarnation, version }: Applied,
  value: SecretValue,
): boolean {
  const { vaultHost } = destination.vault;
  // The digest that was recorded is of the version that it was recorded with.
  const fields = { vaultHost, lowerName, incarnation, version, value, contentType: undefined };
  return digestMatches(digest, fields, deps.identity.tagKeys, command.destination) === "same";
}

// `version_per_version: off`, or an adopted version: the same data costs a patch. The permit to create goes back unused.
async function patchSame(
  attempt: Attempt,
  wish: PresentWish,
  known: Applied,
  sending: Sending & {
    readonly name: string;
    readonly tags: Record<string, string>;
    readonly digest: string;
  },
): Promise<NameResult> {
  const { deps, destination, command, store } = attempt;
  const { opened, name, tags, digest, lock } = sending;
  const ended = (end: NameEnd): LoadedRecord => ({ ...opened, record: endName(opened.record, name, end) });
  const result = await pacedRead(attempt, async (signal) => {
    if (!(await holdsLongEnough(attempt, lock))) throw lockLost();
    return destination.vault.patch(name, known.keyVaultVersion, { tags, ...wish.attributes }, { signal });
  });
  switch (result.kind) {
    case "patched": {
      deps.events.externalSecretPatched({ command, name });
      const applied = { ...known, ...targetOf(wish), fence: attempt.fence, digest };
      return { kind: "done", wrote: true, loaded: ended({ kind: "applied", applied }) };
    }
    case "absent":
      // Somebody deleted it. The record says so, and the plan that follows writes it again.
      await store.append(ended({ kind: "absent" }).record, opened.sequence, command.epoch);
      return { kind: "replan" };
    case "conflict":
      return {
        kind: "waiting",
        loaded: ended({ kind: "untouched" }),
        error: conflictError(name, result.reason),
      };
  }
}

/** What a write is to leave behind, for whoever has to find out whether it landed. */
export function targetOf({
  incarnation,
  version,
  versionCreatedTime,
  tagsDigest,
  attributes,
}: PresentWish): NonNullable<Intent["target"]> {
  return { incarnation, version, versionCreatedTime, tagsDigest, attributes };
}

/** The value to write, or undefined if the wished version can't be read any more. */
export async function readValue(
  attempt: Pick<Attempt, "command" | "signal"> & { readonly deps: Pick<Attempt["deps"], "source"> },
  wish: PresentWish,
  wished: WishedName,
): Promise<SecretValue | undefined> {
  const { command, deps, signal } = attempt;
  const read = await deps.source.readVersion(command.secret, wish.version, signal);
  // 404 with or without a body: destroyed, deleted or pruned in between. Never a delete, never a value (hazard
  // value-behind-metadata): the metadata is read once more.
  if (read.kind !== "live") return undefined;
  // Nor one of another incarnation, or of before a restore, under the same number: metadata and value may come of two
  // nodes, and one may be far behind.
  const { versionCreatedTime } = wish;
  if (versionCreatedTime !== undefined && !isSameVersionTime(read.createdTime, versionCreatedTime))
    return undefined;
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
          // Not in it: a patch changes the content type, and could not make the digest anew without the value.
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
  const merged = mergeTags(wish.customTags, ownerTags(mark, tagKeys));
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
