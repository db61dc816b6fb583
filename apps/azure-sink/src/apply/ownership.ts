import {
  type NameRecord,
  type ResolvedPolicy,
  type SecretKey,
  TAKEN_OVER,
  type Uid,
} from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import type { SecretVersion } from "@keyferry/key-vault";
import { type Owner, type Placement, readOwner, type TagKeys } from "@keyferry/naming";

// Whose a name is, by what lies under it in Key Vault (P3, O4), and whether it may be written. Pure.

/** Whose mark is on a secret that is not ours. */
export type ForeignMark = Exclude<Owner["kind"], "ours"> | "managed";

export type Ownership =
  /** Nothing there: it may be claimed. */
  | { readonly kind: "free" }
  /** Ours: the version that we recorded is there, or one with this association's mark. */
  | { readonly kind: "ours" }
  /** This very source secret let go of it (`on_delete: retain`): to be taken up again, and never to be deleted. */
  | { readonly kind: "released" }
  /** Another association of this instance has it. */
  | { readonly kind: "sibling"; readonly association: Uid }
  | { readonly kind: "foreign"; readonly mark: ForeignMark; readonly whose: string };

export interface Claimant {
  readonly association: Uid;
  readonly secretKey: SecretKey;
  readonly placement: Placement;
  readonly tagKeys: TagKeys;
}

/** By how much a mark forbids, the most first: one such version among many decides. */
const GRAVITY: readonly ForeignMark[] = [
  "managed",
  "unknown-key",
  "other-instance",
  "forged",
  "released",
  "none",
];

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
  if (versions.some(({ managed }) => managed)) {
    return { kind: "foreign", mark: "managed", whose: "a certificate of this vault" };
  }
  const recorded = known?.applied?.keyVaultVersion;
  if (recorded !== undefined && versions.some(({ version }) => version === recorded)) return { kind: "ours" };
  const judged = versions.map((version) => ({ version, ownership: judgeTags(version.tags, claimant) }));
  const first = (kind: Ownership["kind"]): Ownership | undefined =>
    judged.find(({ ownership }) => ownership.kind === kind)?.ownership;
  const newest = Math.max(...versions.map(({ createdOn }) => createdOn));
  // What somebody wrote over it since is theirs.
  const isReleased = judged.some(
    ({ version, ownership }) => ownership.kind === "released" && version.createdOn === newest,
  );
  return (
    first("ours") ??
    first("sibling") ??
    (isReleased ? { kind: "released" } : undefined) ??
    gravest(judged.map(({ ownership }) => ownership))
  );
}

function gravest(judged: readonly Ownership[]): Ownership {
  const foreign = judged.filter((one) => one.kind === "foreign");
  const [first] = foreign.toSorted((a, b) => GRAVITY.indexOf(a.mark) - GRAVITY.indexOf(b.mark));
  // Only versions that we released, and not as the newest: somebody took the tags off that one.
  return first ?? { kind: "foreign", mark: "none", whose: describeOwner({ kind: "none" }) };
}

/** Whose a version or a deleted secret is, by its tags. */
export function judgeTags(tags: Readonly<Record<string, string>>, claimant: Claimant): Ownership {
  const owner = readOwner(tags, claimant.placement, claimant.tagKeys);
  if (owner.kind === "released" && owner.secretKey === claimant.secretKey) return { kind: "released" };
  if (owner.kind !== "ours") return { kind: "foreign", mark: owner.kind, whose: describeOwner(owner) };
  return owner.association === claimant.association
    ? { kind: "ours" }
    : { kind: "sibling", association: owner.association };
}

/** Why a name can't be written, as an error; undefined if it can. */
export function refusalOf(
  ownership: Ownership,
  name: string,
  policy: Pick<ResolvedPolicy, "ownership">,
): KeyferryError | undefined {
  switch (ownership.kind) {
    case "free":
    case "ours":
    case "released":
      return undefined;
    case "sibling":
      return new KeyferryError("name-taken", `Another association of this instance holds the name ${name}`, {
        name,
        association: ownership.association,
      });
    case "foreign": {
      const { mark, whose } = ownership;
      if (TAKEN_OVER[policy.ownership].includes(mark)) return undefined;
      const details = { name, mark, ownership: policy.ownership };
      return new KeyferryError("foreign-owner", `The Key Vault secret ${name} belongs to ${whose}`, details);
    }
  }
}

/** The version that a certain attempt wrote, if it landed (hazard lost-answer-old-digest: by op id, not by digest). */
export function findAttempt(
  versions: readonly SecretVersion[],
  opId: string,
  { placement, tagKeys }: Pick<Claimant, "placement" | "tagKeys">,
): { version: SecretVersion; mark: Extract<Owner, { kind: "ours" }> } | undefined {
  for (const version of versions) {
    const mark = readOwner(version.tags, placement, tagKeys);
    if (mark.kind === "ours" && mark.opId === opId) return { version, mark };
  }
  return undefined;
}

/** Whose a secret is, for people. */
export function describeOwner(owner: Exclude<Owner, { kind: "ours" }>): string {
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
      return "nobody: Keyferry released it, and keeps it for the secret that it came from";
  }
}
