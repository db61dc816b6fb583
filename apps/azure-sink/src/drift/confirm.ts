import type { Applied, NameRecord } from "@keyferry/contracts";
import type { SecretVersion } from "@keyferry/key-vault";
import { type Claimant, judgeTags } from "../apply/ownership.ts";
import type { Suspect } from "./compare.ts";

// Pure: whether a suspicion holds, by a list of the name's versions that was read under its lock, and whether it may be
// repaired. /versions has no order but whole seconds (reference), so "the latest" is what the first list showed, and
// this look has to agree with it.

export interface Confirmed {
  readonly kind: Suspect["kind"];
  readonly detail: string;
  /** False: reported and left, as it is not ours any more or as another keeper would fight back. */
  readonly mayRepair: boolean;
}

/** `undefined`: it is as it should be, or has changed since the list. */
export function confirm(
  suspect: Suspect,
  known: NameRecord | undefined,
  look: { readonly versions: readonly SecretVersion[]; readonly complete: boolean },
  claimant: Claimant,
): Confirmed | undefined {
  if (known === undefined || known.intent !== null || known.state !== "live") return undefined;
  if (known.applied === null || !isSame(known.applied, suspect.applied)) return undefined;
  const { versions, complete } = look;
  if (versions.length === 0) {
    return { kind: "missing", detail: "It is not in the vault any more", mayRepair: true };
  }
  // A list that shows it, against one that did not: the second is the younger.
  if (suspect.kind === "missing") return undefined;
  const recorded = versions.find(({ version }) => version === suspect.applied.keyVaultVersion);
  if (recorded === undefined) {
    return complete ? remade(versions, claimant) : tooMany(suspect);
  }
  const over = versions.filter((one) => one !== recorded && one.createdOn >= recorded.createdOn);
  const marks = over.map(({ tags, managed }) =>
    managed ? { kind: "managed" as const } : judgeTags(tags, claimant),
  );
  const foreign = marks.find(({ kind }) => kind !== "ours");
  if (suspect.kind === "edited" && foreign !== undefined) {
    // Another keeper, or one whose mark we can't read, would write it back: two that repair never end.
    const isAnybodys =
      foreign.kind === "released" ||
      (foreign.kind === "foreign" && (foreign.mark === "none" || foreign.mark === "forged"));
    return { kind: "edited", detail: suspect.detail, mayRepair: isAnybodys };
  }
  if (suspect.kind === "older" && marks.some(({ kind }) => kind === "ours")) {
    return { kind: "older", detail: suspect.detail, mayRepair: true };
  }
  // Nothing lies over our version: what the list showed as somebody's is our version with its tags changed.
  const isMarked = judgeTags(recorded.tags, claimant).kind === "ours";
  if (suspect.kind === "attributes" || !isMarked) {
    const detail = isMarked ? suspect.detail : "Our mark was taken off the version that we wrote";
    return { kind: "attributes", detail, mayRepair: true };
  }
  return undefined;
}

/** The record of a name whose finding is to be repaired: from it the ordinary plan does the rest. */
export function toBeRepaired(known: NameRecord, { kind }: Confirmed): NameRecord {
  switch (kind) {
    case "missing":
      return { ...known, applied: null, state: "deleted" };
    case "older":
    case "edited":
      return { ...known, applied: null, state: "live" };
    case "attributes":
      return known.applied === null ? known : { ...known, applied: { ...known.applied, tagsDigest: "" } };
  }
}

// Our version is gone and others are there: a purge takes all of them, so the secret was made anew.
function remade(versions: readonly SecretVersion[], claimant: Claimant): Confirmed {
  const isOurs = versions.some(({ tags, managed }) => !managed && judgeTags(tags, claimant).kind === "ours");
  return isOurs
    ? { kind: "older", detail: "The version that we wrote is gone, an older one is there", mayRepair: true }
    : { kind: "edited", detail: "It was purged, and somebody made it anew", mayRepair: false };
}

function tooMany({ kind, detail }: Suspect): Confirmed {
  return { kind, detail: `${detail}; it has too many versions to look through`, mayRepair: false };
}

function isSame(a: Applied, b: Applied): boolean {
  return (
    a.keyVaultVersion === b.keyVaultVersion &&
    a.fence.epoch === b.fence.epoch &&
    a.fence.sequence === b.fence.sequence
  );
}
