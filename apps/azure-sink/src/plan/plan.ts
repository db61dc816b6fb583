import { assertNever } from "@keyferry/errors";
import {
  type Applied,
  type Fence,
  isSameVersionTime,
  type NameRecord,
  type ResolvedPolicy,
  type SyncRecord,
} from "@keyferry/contracts";
import type { Wish, WishedName } from "../wish/wish.ts";

// Pure: from the wish and the record to what has to be done, name by name. Invariants:
// SINK-1 (P4) a name that holds the wished version with the wished tags costs nothing;
// SINK-2 puts come before deletes, so that a rename or a dropped key never leaves a gap that a reader can see;
// SINK-3 a name with an unfinished intent is looked at before anything else is done with it.

/** One step for one name. */
export type NameAction =
  | { readonly kind: "none"; readonly lower: string; readonly why: string }
  /** Find out how an earlier attempt ended: wait out its deadline, look for its op id. */
  | { readonly kind: "finish"; readonly lower: string }
  /** `look`: the name is not known to be ours, so the vault is looked at before the write (P3). */
  | {
      readonly kind: "put";
      readonly wished: WishedName;
      readonly look: boolean;
      /** Where the look finds this very version as the newest one, there is nothing to write (O3, P4). */
      readonly unlessNewest?: Applied;
      /** Where the value turns out to be this very one, its version is patched instead (O15). */
      readonly unlessSame?: Applied;
    }
  /** Tags and attributes only; acts on the version that we wrote, never on "latest" (hazard patch-of-latest). */
  | { readonly kind: "patch"; readonly wished: WishedName; readonly keyVaultVersion: string }
  /** Find out whether something of ours lies under a name that no record tells of; changes nothing in the vault. */
  | { readonly kind: "find"; readonly lower: string; readonly name: string }
  | LetGo
  | Purge;

/** What an unsync does with a name of ours, by the destination's `on_delete`. Always looked at first (P3). */
export interface LetGo {
  readonly kind: "delete" | "disable" | "release";
  readonly lower: string;
  readonly name: string;
}

/** Frees the name of a soft-deleted secret of ours, by the destination's `purge_deleted`. Always looked at first. */
export interface Purge {
  readonly kind: "purge";
  readonly lower: string;
  readonly name: string;
}

/** `disable` acts on each of our live versions, as older ones stay readable by id (hazard disable-one-version). */
export const LET_GO: Readonly<Record<ResolvedPolicy["onDelete"], LetGo["kind"]>> = {
  delete: "delete",
  disable: "disable",
  retain: "release",
};

export interface Plan {
  readonly actions: readonly NameAction[];
  /** Names that should go and for whose deletion there is no permit. */
  readonly held: readonly string[];
}

export interface PlanInput {
  readonly wish: Wish;
  readonly record: SyncRecord | undefined;
  readonly fence: Fence;
  /** Leave to delete names that the wish no longer has. */
  readonly mayDelete: boolean;
  /** The command says that its record may have been lost. */
  readonly lookFirst?: boolean;
  readonly policy: Pick<ResolvedPolicy, "onDelete" | "versionPerVersion"> &
    Partial<Pick<ResolvedPolicy, "purgeDeleted">>;
}

/** What has to be done so that the vault holds the wish. Deterministic; empty of work when it already does. */
export function plan(input: PlanInput): Plan {
  const { wish, record, fence, mayDelete, policy } = input;
  const known = record?.names ?? {};
  const wished = wish.kind === "present" ? wish.names : [];
  const wishedLower = new Set(wished.map(({ lower }) => lower));
  const actions: NameAction[] = wished.map((name) =>
    forWished(wish, name, known[name.lower], { fence, policy }),
  );
  const held: string[] = [];
  for (const [lower, name] of Object.entries(known)) {
    if (wishedLower.has(lower)) continue;
    if (name.intent !== null) actions.push({ kind: "finish", lower });
    else if (!mayDelete) {
      if (holdsOurs(name)) held.push(name.name);
    } else actions.push(...takeAway(name, lower, policy));
  }
  const unknown = input.lookFirst === true ? unknownName(input) : undefined;
  const isPurgeAhead = actions.some(({ kind }) => kind === "purge") && record?.consumed.epoch === fence.epoch;
  if (unknown !== undefined && !isPurgeAhead) {
    const { lower, name } = unknown;
    actions.push({ kind: mayDelete ? LET_GO[policy.onDelete] : "find", lower, name });
  }
  return { actions: actions.toSorted((a, b) => rank(a) - rank(b)), held };
}

function takeAway(name: NameRecord, lower: string, policy: PlanInput["policy"]): (LetGo | Purge)[] {
  const letGo: LetGo[] = holdsOurs(name)
    ? [{ kind: letGoOf(name, policy.onDelete), lower, name: name.name }]
    : [];
  const isDeleted =
    letGo.length === 0
      ? name.state === "deleted" && name.notPurged === undefined
      : letGo[0]?.kind === "delete";
  const isPurged = policy.purgeDeleted === true && isDeleted;
  return isPurged ? [...letGo, { kind: "purge", lower, name: name.name }] : letGo;
}

// A wait or a refusal of this epoch has looked at nothing.
function isVerified(record: SyncRecord | undefined, { epoch }: Fence): boolean {
  if (record === undefined || record.consumed.epoch < epoch) return false;
  return record.outcome?.kind === "synced" || record.outcome?.kind === "unsynced";
}

// A record that was lost with its stream leaves a name of ours behind. So the last word on a pair, that nothing is left,
// is not said from a record of another epoch, or from none, but after a look (O3, O4).
function unknownName({ wish, record, fence }: Pick<PlanInput, "wish" | "record" | "fence">) {
  if (wish.kind !== "absent" || wish.given === undefined) return undefined;
  if (isVerified(record, fence)) return undefined;
  const known = record?.names[wish.given.lower];
  const isSeenTo = known !== undefined && (known.intent !== null || holdsOurs(known));
  return isSeenTo ? undefined : wish.given;
}

function forWished(
  wish: Wish,
  wished: WishedName,
  known: NameRecord | undefined,
  { fence, policy }: Pick<PlanInput, "fence" | "policy">,
): NameAction {
  const { lower } = wished;
  if (known !== undefined && known.intent !== null) return { kind: "finish", lower };
  const applied = known?.state === "live" ? known.applied : null;
  // Nothing on record, or a record from before an epoch change, which may be of another past (O3).
  if (wish.kind !== "present" || applied === null || applied === undefined) {
    return { kind: "put", wished, look: true };
  }
  if (applied.fence.epoch < fence.epoch) {
    return { kind: "put", wished, look: true, ...(holds(applied, wish) ? { unlessNewest: applied } : {}) };
  }
  if (!isVersion(applied, wish)) {
    const canPatch = !policy.versionPerVersion && !losesDate(applied, wish);
    return { kind: "put", wished, look: false, ...(canPatch ? { unlessSame: applied } : {}) };
  }
  if (applied.tagsDigest !== wish.tagsDigest) {
    if (losesDate(applied, wish)) return { kind: "put", wished, look: false };
    return { kind: "patch", wished, keyVaultVersion: applied.keyVaultVersion };
  }
  return { kind: "none", lower, why: `holds version ${applied.version}` };
}

function holds(applied: Applied, wish: Extract<Wish, { kind: "present" }>): boolean {
  return isVersion(applied, wish) && applied.tagsDigest === wish.tagsDigest;
}

/** The wished version of the source, and not another one under its number (hazard source-snapshot-restore). */
function isVersion(applied: Applied, wish: Extract<Wish, { kind: "present" }>): boolean {
  const { incarnation, version, versionCreatedTime } = applied;
  const isNumber = incarnation === wish.incarnation && version === wish.version;
  if (!isNumber || versionCreatedTime === undefined || wish.versionCreatedTime === undefined) return isNumber;
  return isSameVersionTime(versionCreatedTime, wish.versionCreatedTime);
}

// A patch changes what it names and leaves the rest: a date can be moved by it, and not taken away.
function losesDate({ attributes }: Applied, wish: Extract<Wish, { kind: "present" }>): boolean {
  if (attributes === undefined) return false;
  const { expires, notBefore } = wish.attributes;
  return (
    (attributes.expires !== undefined && expires === undefined) ||
    (attributes.notBefore !== undefined && notBefore === undefined)
  );
}

// What we have begun to recover goes back to where it was, whatever the policy.
function letGoOf({ state }: NameRecord, onDelete: ResolvedPolicy["onDelete"]): LetGo["kind"] {
  return state === "recovering" ? "delete" : LET_GO[onDelete];
}

/** Something of ours is, or may be about to be, readable under the name. */
function holdsOurs(name: NameRecord): boolean {
  // A recovery that was begun makes the old value readable again, so it counts (hazard recover-then-crash).
  return name.state === "live" || name.state === "recovering";
}

function rank(action: NameAction): number {
  switch (action.kind) {
    case "finish":
      return 0;
    case "put":
    case "patch":
    case "none":
      return 1;
    case "find":
    case "delete":
    case "disable":
    case "release":
      return 2;
    case "purge":
      return 3;
    default:
      return assertNever(action);
  }
}

/** A plan for people: one line per name, as `keyferry plan` and golden files show it. */
export function formatPlan({ actions, held }: Plan): string {
  const lines = actions.map((action) => {
    switch (action.kind) {
      case "none":
        return `none    ${action.lower}  (${action.why})`;
      case "finish":
        return `finish  ${action.lower}  (an attempt has not ended)`;
      case "put": {
        const how = action.unlessSame === undefined ? "" : "  (patch, if the value is the same)";
        return `put     ${action.wished.name}${action.look ? "  (look first)" : how}`;
      }
      case "patch":
        return `patch   ${action.wished.name}  (tags)`;
      case "find":
        return `find    ${action.name}  (no record tells of it)`;
      case "delete":
      case "disable":
      case "release":
      case "purge":
        return `${action.kind.padEnd(7)} ${action.name}`;
      default:
        return assertNever(action);
    }
  });
  return [...lines, ...held.map((name) => `held    ${name}  (no permit to delete)`)].join("\n");
}
