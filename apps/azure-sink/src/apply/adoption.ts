import { createHash } from "node:crypto";
import { type Adoption, isSameVersionTime, type NameRecord, type ResolvedPolicy } from "@keyferry/contracts";
import type { SecretVersion } from "@keyferry/key-vault";
import type { Wish } from "../wish/wish.ts";
import type { Attempt } from "./attempt.ts";

// A person's leave to take over what lies under one name (`keyferry adopt`). Pure. Invariants:
// ADO-1 it is good for exactly what was looked at: what somebody wrote or deleted since is refused as before;
// ADO-2 it reaches no further than `ownership: adopt`: nobody else's mark is on it.

/** What a soft-deleted secret is named by: nothing of it can change but its end. */
export const DELETED_TOKEN = "deleted";

/** Names exactly what lies under a name. */
export function seenToken(versions: readonly SecretVersion[]): string {
  const ids = versions.map(({ version }) => version).sort();
  return createHash("sha256").update(ids.join("\n")).digest("base64url").slice(0, 27);
}

/** The policy for one name, given what lies there now. */
export function policyWithLeave(
  { command, policy }: Pick<Attempt, "command" | "policy">,
  lower: string,
  there: readonly SecretVersion[] | "deleted",
  known?: NameRecord,
): Pick<ResolvedPolicy, "ownership"> {
  const adoption = command.adopt?.[lower];
  if (adoption === undefined || policy.ownership !== "refuse") return policy;
  return isAsSeen(adoption, there, known) ? { ownership: "adopt" } : policy;
}

function isAsSeen(
  { seen }: Adoption,
  there: readonly SecretVersion[] | "deleted",
  known: NameRecord | undefined,
): boolean {
  if (there === "deleted") return seen === DELETED_TOKEN;
  // What we have begun to recover by this very leave is there again.
  if (seen === DELETED_TOKEN) return known?.state === "recovering";
  return seen === seenToken(there);
}

/** The version that holds the wished value already, so that our mark on it is enough; undefined if a new one is needed. */
export function heldVersion(
  { command }: Pick<Attempt, "command">,
  lower: string,
  wish: Extract<Wish, { kind: "present" }>,
  versions: readonly SecretVersion[],
): SecretVersion | undefined {
  const adoption = command.adopt?.[lower];
  const holds = adoption?.holds;
  if (holds === undefined || adoption?.seen !== seenToken(versions)) return undefined;
  const isWished =
    holds.incarnation === wish.incarnation &&
    holds.version === wish.version &&
    isSameTime(holds.versionCreatedTime, wish.versionCreatedTime);
  if (!isWished) return undefined;
  const held = versions.find(({ version }) => version === holds.keyVaultVersion);
  // A date that is to go away needs more than a patch.
  return held?.notBefore === undefined && held?.expires === undefined ? held : undefined;
}

function isSameTime(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && isSameVersionTime(a, b);
}
