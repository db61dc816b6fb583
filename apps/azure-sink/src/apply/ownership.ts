import type { NameRecord, Uid } from "@keyferry/contracts";
import type { SecretVersion } from "@keyferry/key-vault";
import { type Owner, type Placement, readOwner, type TagKeys } from "@keyferry/naming";

// Whose a name is, by what lies under it in Key Vault (P3, O4). Pure.

export type Ownership =
  /** Nothing there: it may be claimed. */
  | { readonly kind: "free" }
  /** Ours: the version that we recorded is there, or one with this association's mark. */
  | { readonly kind: "ours" }
  /** Another association of this instance has it. */
  | { readonly kind: "sibling"; readonly association: Uid }
  | { readonly kind: "foreign"; readonly whose: string };

export interface Claimant {
  readonly association: Uid;
  readonly placement: Placement;
  readonly tagKeys: TagKeys;
}

/**
 * Judges by every version: one of ours among them means that the name is ours, also when a person has made newer
 * versions by hand (hazard adopted-then-unclaimed); a purge takes all versions with it.
 */
export function judgeVersions(
  versions: readonly SecretVersion[],
  known: NameRecord | undefined,
  claimant: Claimant,
): Ownership {
  if (versions.length === 0) return { kind: "free" };
  if (versions.some(({ managed }) => managed))
    return { kind: "foreign", whose: "a certificate of this vault" };
  const recorded = known?.applied?.keyVaultVersion;
  if (recorded !== undefined && versions.some(({ version }) => version === recorded)) return { kind: "ours" };
  const judged = versions.map(({ tags }) => judgeTags(tags, claimant));
  return (
    judged.find(({ kind }) => kind === "ours") ??
    judged.find(({ kind }) => kind === "sibling") ??
    judged[0] ?? { kind: "free" }
  );
}

/** Whose a version or a deleted secret is, by its tags. */
export function judgeTags(tags: Readonly<Record<string, string>>, claimant: Claimant): Ownership {
  const owner = readOwner(tags, claimant.placement, claimant.tagKeys);
  if (owner.kind !== "ours") return { kind: "foreign", whose: describeOwner(owner) };
  return owner.association === claimant.association
    ? { kind: "ours" }
    : { kind: "sibling", association: owner.association };
}

/** The version that a certain attempt wrote, if it landed (hazard lost-answer-old-digest: by op id, not by digest). */
export function findAttempt(
  versions: readonly SecretVersion[],
  opId: string,
  { placement, tagKeys }: Claimant,
): { version: SecretVersion; mark: Extract<Owner, { kind: "ours" }> } | undefined {
  for (const version of versions) {
    const mark = readOwner(version.tags, placement, tagKeys);
    if (mark.kind === "ours" && mark.opId === opId) return { version, mark };
  }
  return undefined;
}

function describeOwner(owner: Exclude<Owner, { kind: "ours" }>): string {
  switch (owner.kind) {
    case "none":
      return "nobody that Keyferry knows: it carries no owner tag";
    case "other-instance":
      return `Keyferry instance ${owner.instanceId}`;
    case "forged":
      return "unknown: its owner tag is not valid for this vault and name (copied or edited)";
    case "unknown-key":
      return `unknown: its owner tag is signed with key ${owner.keyId}, which this instance does not have`;
    case "released":
      return "nobody: Keyferry released it";
  }
}
