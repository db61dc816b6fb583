import type { LateCheck, NameRecord } from "@keyferry/contracts";
import type { SecretVersion } from "@keyferry/key-vault";
import { readOwner } from "@keyferry/naming";
import { type Claimant, findAttempt, judgeTags, judgeVersions } from "./ownership.ts";

// Pure: what an unclear write has done to a name after all, by what lies under it now (hazards late-put-after-lock and
// late-delete-after-lock).

export type LateFinding =
  /** Nothing, or nothing that shows. */
  | { readonly kind: "none" }
  /** Its version came after the one on record, or in the same second: the vault may show it. */
  | { readonly kind: "overwritten" }
  /** Its tags or attributes lie over those on record; the value is right. */
  | { readonly kind: "retagged" }
  /** The name is gone though the record says that it lives. */
  | { readonly kind: "removed" }
  /** Something of ours lives though the record says that nothing does. */
  | { readonly kind: "appeared" };

/** Compares one look at a name with its record. `known` undefined: nothing of ours was left under the name. */
export function judgeLate(
  check: LateCheck,
  known: NameRecord | undefined,
  versions: readonly SecretVersion[],
  claimant: Claimant,
): LateFinding {
  // A recovery or an attempt is under way: its end is looked up by itself.
  if (known?.intent || known?.state === "recovering") return { kind: "none" };
  const applied = known?.state === "live" ? known.applied : null;
  if (applied === null) {
    // What is disabled or released on purpose lies there; only a version that came late is news.
    const present = known?.state === "disabled" ? versions.filter(({ enabled }) => enabled) : versions;
    // Where another association has the name meanwhile, deleting it would take its versions along.
    const isShared = versions.some(({ tags }) => judgeTags(tags, claimant).kind === "sibling");
    const isOurs = !isShared && judgeVersions(present, known, claimant).kind === "ours";
    return isOurs ? { kind: "appeared" } : { kind: "none" };
  }
  if (versions.length === 0) return { kind: "removed" };
  const recorded = versions.find(({ version }) => version === applied.keyVaultVersion);
  if (check.action === "put") {
    const late = findAttempt(versions, check.opId, claimant);
    if (late === undefined || late.version.version === applied.keyVaultVersion) return { kind: "none" };
    // `created` counts whole seconds, so equal ones have no order; writing once more is the safe side.
    const isEarlier = recorded !== undefined && late.version.createdOn < recorded.createdOn;
    return isEarlier ? { kind: "none" } : { kind: "overwritten" };
  }
  if (recorded === undefined) return { kind: "none" };
  if (check.action === "disable") {
    const wasWished = applied.attributes?.enabled === false;
    return recorded.enabled || wasWished ? { kind: "none" } : { kind: "retagged" };
  }
  if (check.action === "release") {
    const isOurs = judgeTags(recorded.tags, claimant).kind === "ours";
    return isOurs ? { kind: "none" } : { kind: "retagged" };
  }
  if (check.action !== "patch") return { kind: "none" };
  const mark = readOwner(recorded.tags, claimant.placement, claimant.tagKeys);
  return mark.kind === "ours" && mark.opId === check.opId ? { kind: "retagged" } : { kind: "none" };
}

/** The name's record after a finding: what it says makes the plan repair it, also after a crash. */
export function repairable(
  known: NameRecord | undefined,
  name: string,
  finding: LateFinding,
): NameRecord | undefined {
  const base: NameRecord = known ?? { name, applied: null, state: "absent", intent: null };
  switch (finding.kind) {
    case "none":
      return known;
    case "overwritten":
    case "appeared":
      return { ...base, applied: null, state: "live" };
    case "removed":
      return { ...base, applied: null, state: "deleted" };
    case "retagged":
      return base.applied === null ? base : { ...base, applied: { ...base.applied, tagsDigest: "" } };
  }
}
