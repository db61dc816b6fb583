import type { Applied, NameRecord, SecretKey, SecretRef, SyncRecord, Uid } from "@keyferry/contracts";
import {
  foreignTags,
  type OwnerMark,
  type Placement,
  readOwner,
  tagsDigest,
  type TagKeys,
} from "@keyferry/naming";
import { describeOwner } from "../apply/ownership.ts";

// Pure: what a list of the whole vault and the records say of each other. Only a suspicion comes of it: a list is of
// many moments, so each is looked at once more under its lock (confirm.ts). Invariants:
// DRIFT-1 (hazard drift-list-races-put) a record that changed after the list began, or within `settledMs` before, says
//         nothing: the page with its name may have been read before our write;
// DRIFT-2 what is under way (an intent, a wait, a second look) is left to whoever does it.

/** A name as the list shows it: of its latest version. */
export interface ListedName {
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly enabled: boolean;
  readonly contentType: string | undefined;
  readonly notBefore?: number | undefined;
  readonly expires?: number | undefined;
}

/** Keyed by the lower-case name. */
export type Listed = ReadonlyMap<string, ListedName>;

export interface CompareWith {
  readonly startedAtMs: number;
  /** How old a record has to be at the start of the list to be compared: by then writes and clocks are settled. */
  readonly settledMs: number;
  readonly placement: Omit<Placement, "lowerName">;
  readonly tagKeys: TagKeys;
}

export interface Suspect {
  readonly kind: "missing" | "older" | "edited" | "attributes";
  readonly name: string;
  readonly lower: string;
  readonly secretKey: SecretKey;
  readonly secret: SecretRef;
  readonly applied: Applied;
  readonly detail: string;
  /** All that differs is the key of our own mark: tag keys were rotated. No sign of anybody's hand. */
  readonly isOldKey: boolean;
}

/** Our mark, and nothing that wants it. */
export interface Orphan {
  readonly name: string;
  readonly association: Uid;
  /** `markText` of its latest version. */
  readonly mark: string;
  readonly detail: string;
}

/** What a mark says, as a text that names it. */
export function markText({ association, fence }: Pick<OwnerMark, "association" | "fence">): string {
  return `${association}.${fence.epoch}.${fence.sequence}`;
}

/** Names of ours that the record holds alive. */
export function liveNames({ names }: SyncRecord): readonly [string, NameRecord & { applied: Applied }][] {
  return Object.entries(names).flatMap(([lower, name]) =>
    name.state === "live" && name.applied !== null
      ? [[lower, { ...name, applied: name.applied }] as [string, NameRecord & { applied: Applied }]]
      : [],
  );
}

/** Names under which something of ours lies, or may lie, by the record: no orphans. */
export function heldNames({ names }: SyncRecord): readonly string[] {
  return Object.entries(names)
    .filter(([, { state, intent }]) => intent !== null || (state !== "deleted" && state !== "absent"))
    .map(([lower]) => lower);
}

/** What of one record differs from the list. */
export function compareRecord(record: SyncRecord, listed: Listed, context: CompareWith): readonly Suspect[] {
  const isYoung = Date.parse(record.updatedAt) > context.startedAtMs - context.settledMs;
  if (isYoung || record.kind === "intent" || record.outcome === null || record.outcome.kind === "waiting") {
    return [];
  }
  const looked = new Set((record.verify ?? []).map(({ name }) => name.toLowerCase()));
  return liveNames(record).flatMap(([lower, name]) => {
    // An empty digest is a patch that is due already.
    if (name.intent !== null || looked.has(lower) || name.applied.tagsDigest === "") return [];
    const found = compareName(lower, name.applied, listed.get(lower), context);
    if (found === undefined) return [];
    const { secretKey, secret } = record;
    return [{ isOldKey: false, ...found, name: name.name, lower, secretKey, secret, applied: name.applied }];
  });
}

function compareName(
  lowerName: string,
  applied: Applied,
  listed: ListedName | undefined,
  { placement, tagKeys }: CompareWith,
): Pick<Suspect, "kind" | "detail"> | Pick<Suspect, "kind" | "detail" | "isOldKey"> | undefined {
  if (listed === undefined) return { kind: "missing", detail: "The vault does not list it" };
  const owner = readOwner(listed.tags, { ...placement, lowerName }, tagKeys);
  if (owner.kind !== "ours") {
    return { kind: "edited", detail: `Its latest version belongs to ${describeOwner(owner)}` };
  }
  const { fence, sourceVersion } = owner;
  const isRecorded = fence.epoch === applied.fence.epoch && fence.sequence === applied.fence.sequence;
  if (!isRecorded) {
    return {
      kind: "older",
      detail: `Its latest version is of source version ${sourceVersion}, not ${applied.version}`,
    };
  }
  const { enabled, contentType, notBefore, expires } = listed;
  const shown = tagsDigest(foreignTags(listed.tags), { enabled, contentType, notBefore, expires });
  if (shown !== applied.tagsDigest) {
    return { kind: "attributes", detail: "Tags or attributes are not those that were written" };
  }
  if (owner.keyId === tagKeys.active) return undefined;
  return {
    kind: "attributes",
    detail: `Our mark is signed with tag key ${owner.keyId}, not ${tagKeys.active}`,
    isOldKey: true,
  };
}

/** Names with our mark that are not among those `held` by the records, which were read after the list. */
export function findOrphans(
  listed: Listed,
  held: ReadonlySet<string>,
  { placement, tagKeys }: CompareWith,
): readonly Orphan[] {
  return [...listed].flatMap(([lowerName, { name, tags }]) => {
    if (held.has(lowerName)) return [];
    const owner = readOwner(tags, { ...placement, lowerName }, tagKeys);
    if (owner.kind !== "ours") return [];
    const { association } = owner;
    const detail = `It carries the mark of association ${association}, and no record has it`;
    return [{ name, association, mark: markText(owner), detail }];
  });
}
