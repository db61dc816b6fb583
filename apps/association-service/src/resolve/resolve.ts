// Owns: what is wished for one (destination, secret), given everything that is known of it. Pure.
// Does not own: reading those facts, the compare-and-set, spending the delete budget (resolver.ts, permits/).
// Invariants:
//   RES-1  No state is "unknown", never "gone": the detector is asked, nothing is deleted (O7).
//   RES-2  A source-driven unsync expects exactly the state it was resolved from; a person's expects nothing (O1).
//   RES-3  Facts older than those of the last command lead to no wish but to another read (O9).
//   RES-4  A wish that was already given out keeps its permit, granted or not: it is never asked for twice (O12). Only
//          an outcome that says which names a sync may not drop asks once more, for that (O6), and one that found a
//          name of which no record told.
//   RES-5  What is stored decides before what rules make: set, removed, excluded (hazard rule-makes-it-again).

import {
  type AssociationRecord,
  compareFences,
  type DestinationRecord,
  type ExpectedState,
  highestLiveVersion,
  type Permit,
  type RuleRecord,
  type SecretKey,
  type SecretRef,
  type SyncCommand,
  type SyncRecord,
  type VersionEvent,
  wishDigest,
} from "@keyferry/contracts";
import type { Entry } from "../ports.ts";
import { madeAssociation } from "../rules/made-association.ts";
import type { Ruling } from "../rules/match-rule.ts";

/** Everything that was read of one (destination, secret). */
export interface Seen {
  readonly secretKey: SecretKey;
  readonly destination: DestinationRecord | undefined;
  readonly association: Entry<AssociationRecord> | undefined;
  /** Revision of the association's key, also of its deletion; absent: not known, as a view does not tell. */
  readonly associationRevision?: number;
  /** What the rules make of the pair; asked only where nothing is stored. */
  readonly ruling: Ruling;
  /** How far the rules were known that it was asked of. */
  readonly rulesSequence: number;
  readonly state: Entry<VersionEvent> | undefined;
  readonly last: Entry<SyncCommand> | undefined;
  readonly record: SyncRecord | undefined;
  /** The epoch of the streams as of now; sequences of another epoch can't be compared with today's. */
  readonly epoch: number;
  /**
   * True once a caught-up view and a leader read agree that there is no association. Before that, a command without
   * an association is taken for a stale read.
   */
  readonly orphanConfirmed: boolean;
}

/** A command without what the publisher adds: major, epoch, permit, reason. */
export type CommandDraft = Pick<
  SyncCommand,
  | "op"
  | "destination"
  | "association"
  | "secretKey"
  | "secret"
  | "namedAs"
  | "spec"
  | "expect"
  | "resolvedFrom"
> & { readonly committedAt?: number };

/** Where the command's permit comes from. */
export type Leave =
  /** A sync, or there is nothing to delete. */
  | { readonly kind: "not-needed" }
  | { readonly kind: "person" }
  /** The last command asks for the same: what it was given stays, also if it was given nothing. */
  | { readonly kind: "kept"; readonly permit: Permit | null }
  /** From the budget. Of a sync: to drop names that are no longer wished (O6). */
  | { readonly kind: "budget"; readonly fingerprint: string }
  /** Deletes of orphans after an epoch change wait for a person (O14). */
  | { readonly kind: "withheld" };

export type Resolution =
  | { readonly kind: "unknown"; readonly secret: SecretRef }
  | { readonly kind: "behind"; readonly why: string }
  | { readonly kind: "wish"; readonly draft: CommandDraft; readonly leave: Leave }
  | { readonly kind: "none"; readonly why: NoWish };

export type NoWish = "moved" | "never-wished" | "no-destination" | "destination-closing" | "already-unsynced";

/** The wish for one (destination, secret). Never throws. */
export function resolve(seen: Seen): Resolution {
  if (seen.destination === undefined) return { kind: "none", why: "no-destination" };
  const stale = whyBehind(seen);
  if (stale !== undefined) return { kind: "behind", why: stale };
  if (seen.association === undefined) return resolveUnset(seen, seen.destination);
  if (seen.association.value.state === "removed") return wishRemoved(seen, seen.association);
  if (seen.association.value.state === "moved") return { kind: "none", why: "moved" };
  if (seen.association.value.state === "excluded") {
    const never = seen.last === undefined && !holdsName(seen.record);
    return never ? { kind: "none", why: "never-wished" } : wishRemoved(seen, seen.association);
  }
  if (seen.destination.state !== "active") return { kind: "none", why: "destination-closing" };
  if (seen.state === undefined) return { kind: "unknown", secret: seen.association.value.secret };
  return wishFromState(seen, seen.association, seen.state);
}

/** True if our write may still stand in Key Vault under one of the record's names. */
export function holdsName(record: SyncRecord | undefined): boolean {
  if (record === undefined) return false;
  return Object.values(record.names).some(
    (name) => name.state === "live" || name.state === "recovering" || name.intent !== null,
  );
}

/** The state a sink has to find before it acts on a source-driven command. */
export function expectationOf(event: VersionEvent): ExpectedState {
  const { state, fingerprint } = event;
  if (state.kind === "gone") return { incarnation: null, current: 0, fingerprint };
  return { incarnation: state.incarnation, current: state.current, fingerprint };
}

/** The version that a sync wishes, as the state shows it. */
export function wishedVersion(
  { op }: Pick<CommandDraft, "op">,
  state: Entry<VersionEvent> | undefined,
): number | undefined {
  return op === "sync" && state !== undefined ? highestLiveVersion(state.value.state) : undefined;
}

// Epochs are times by the clock of whoever raised them (O3), and clocks differ.
const CLOCKS_DIFFER_MS = 60_000;

/**
 * True if the pair's record may be gone with a stream: the association is older than the epoch, or there is none. In the
 * first epoch of an installation nothing is older, but for what was set in its first minute.
 */
export function mayBeUnrecorded({ association, epoch }: Pick<Seen, "association" | "epoch">): boolean {
  return association === undefined || Date.parse(association.value.createdAt) < epoch + CLOCKS_DIFFER_MS;
}

/** True if both ask for the same, whatever permit they carry. */
export function sameWishButPermit(draft: CommandDraft, command: SyncCommand): boolean {
  return wishDigest({ ...draft, permit: null }) === wishDigest({ ...command, permit: null });
}

function whyBehind(seen: Seen): string | undefined {
  const { association, state, last, epoch, orphanConfirmed } = seen;
  if (last === undefined || last.value.epoch !== epoch) return undefined;
  const { associationRevision, stateSequence, rulesSequence = 0 } = last.value.resolvedFrom;
  if ((seen.associationRevision ?? association?.sequence ?? associationRevision) < associationRevision) {
    return "the association was read older than the last command saw it";
  }
  if (association === undefined) {
    const wasSet = last.value.op === "sync" && last.value.spec.byRule !== true;
    if (wasSet && !orphanConfirmed) return "the last command syncs an association that was not found";
    if (seen.rulesSequence < rulesSequence) return "the rules were read older than the last command saw them";
  }
  if ((state?.sequence ?? 0) < stateSequence) return "the state was read older than the last command saw it";
  return undefined;
}

function wishFromState(
  seen: Seen,
  association: Entry<AssociationRecord>,
  state: Entry<VersionEvent>,
): Resolution {
  const live = highestLiveVersion(state.value.state);
  const { committedAt } = state.value;
  const draft: CommandDraft = {
    ...draftOf(association),
    ...whereItIs(association.value.secret, state.value.secret),
    op: live === undefined ? "unsync" : "sync",
    expect: expectationOf(state.value),
    resolvedFrom: { associationRevision: association.sequence, stateSequence: state.sequence },
    ...(committedAt === undefined ? {} : { committedAt }),
  };
  const { fingerprint } = state.value;
  const leave =
    draft.op === "sync" ? leaveForSync(seen, draft, fingerprint) : leaveForDelete(seen, draft, fingerprint);
  return { kind: "wish", draft, leave };
}

// A mount that was moved keeps its accessor, and so the secret its key: it is read where it is now, and named as it was
// when it was set (O20).
function whereItIs(set: SecretRef, now: SecretRef): Pick<CommandDraft, "secret" | "namedAs"> {
  const isMoved = set.namespace !== now.namespace || set.mount !== now.mount;
  if (!isMoved || set.accessor !== now.accessor) return { secret: set };
  const { namespace, mount } = set;
  return { secret: { ...set, namespace: now.namespace, mount: now.mount }, namedAs: { namespace, mount } };
}

// Nobody has set it: the rules decide, and what they do not make is given up.
function resolveUnset(seen: Seen, destination: DestinationRecord): Resolution {
  const { ruling, state, last, record } = seen;
  if (ruling.kind === "made" && state !== undefined) return wishMade(seen, ruling.rule, state);
  if (ruling.kind === "unknown") {
    const secret = last?.value.secret ?? record?.secret;
    const isOurs = last?.value.op === "sync" || holdsName(record);
    // RES-1: a rule that covers the path may well make it.
    if (secret !== undefined && isOurs) return { kind: "unknown", secret };
    return { kind: "none", why: "never-wished" };
  }
  return resolveOrphan(seen, destination);
}

function wishMade(seen: Seen, rule: RuleRecord, state: Entry<VersionEvent>): Resolution {
  const { secret } = state.value;
  const value = madeAssociation(rule, { secretKey: seen.secretKey, secret });
  const association = { value, sequence: seen.associationRevision ?? 0, time: 0 };
  const resolution = wishFromState(seen, association, state);
  if (resolution.kind !== "wish") return resolution;
  // A secret without a live version that was never synced: nothing to order for it, among thousands.
  const isIdle = resolution.draft.op === "unsync" && seen.last === undefined && !holdsName(seen.record);
  if (isIdle) return { kind: "none", why: "never-wished" };
  const { resolvedFrom } = resolution.draft;
  const draft = {
    ...resolution.draft,
    resolvedFrom: { ...resolvedFrom, rulesSequence: seen.rulesSequence },
  };
  return { ...resolution, draft };
}

function wishRemoved(seen: Seen, association: Entry<AssociationRecord>): Resolution {
  const draft: CommandDraft = {
    ...draftOf(association),
    op: "unsync",
    expect: null,
    resolvedFrom: {
      associationRevision: association.sequence,
      stateSequence: knownStateSequence(seen),
    },
  };
  return { kind: "wish", draft, leave: { kind: "person" } };
}

// A name that is still held, or a sync that is still commanded, though its association is not there: a sync that lost
// a race with the removal, or lost data. It goes, but as a delete that nobody asked for it counts against the budget.
function resolveOrphan(seen: Seen, destination: DestinationRecord): Resolution {
  const { last, record } = seen;
  const commanded = last !== undefined && last.value.op === "sync";
  if (!commanded && !holdsName(record)) {
    return { kind: "none", why: last === undefined ? "never-wished" : "already-unsynced" };
  }
  const origin = commanded ? last.value : (record ?? last?.value);
  if (origin === undefined) return { kind: "none", why: "never-wished" };
  // What the secret itself says (gone, opted out) is acted on only where the sink finds it so; a rule that a person took
  // away needs nothing of the source (O1).
  const bySource = seen.ruling.kind === "opted-out" ? seen.state : undefined;
  const draft: CommandDraft = {
    op: "unsync",
    destination: origin.destination,
    association: origin.association,
    secretKey: origin.secretKey,
    secret: bySource?.value.secret ?? origin.secret,
    spec: last?.value.spec ?? destination.spec,
    expect: bySource === undefined ? null : expectationOf(bySource.value),
    resolvedFrom: {
      associationRevision: sameEpoch(seen) ? (last?.value.resolvedFrom.associationRevision ?? 0) : 0,
      stateSequence: knownStateSequence(seen),
      ...(seen.rulesSequence === 0 ? {} : { rulesSequence: seen.rulesSequence }),
    },
  };
  if (last !== undefined && sameWishButPermit(draft, last.value)) {
    return { kind: "wish", draft, leave: { kind: "kept", permit: last.value.permit } };
  }
  if (bySource !== undefined) {
    return { kind: "wish", draft, leave: { kind: "budget", fingerprint: bySource.value.fingerprint } };
  }
  const fromBefore =
    (last !== undefined && last.value.epoch !== seen.epoch) ||
    (record !== undefined && record.consumed.epoch !== seen.epoch);
  return {
    kind: "wish",
    draft,
    leave: fromBefore ? { kind: "withheld" } : { kind: "budget", fingerprint: orphanState(last) },
  };
}

// An orphan has no state that a permit could belong to; that it was ordered last, and when, stands for one.
function orphanState(last: Entry<SyncCommand> | undefined): string {
  return last === undefined ? "orphan" : `orphan.${last.value.epoch}.${last.sequence}`;
}

function leaveForSync(seen: Seen, draft: CommandDraft, fingerprint: string): Leave {
  const { last, record } = seen;
  if (last === undefined || !sameWishButPermit(draft, last.value)) return { kind: "not-needed" };
  if (last.value.permit !== null) return { kind: "kept", permit: last.value.permit };
  return isHeld(last, record)
    ? { kind: "budget", fingerprint: `drop.${fingerprint}` }
    : { kind: "not-needed" };
}

/** True if this very command ended held: something of it needs leave to be deleted. */
export function isHeld(last: Entry<SyncCommand>, record: SyncRecord | undefined): boolean {
  if (record?.outcome?.kind !== "held") return false;
  return compareFences(record.consumed, { epoch: last.value.epoch, sequence: last.sequence }) === 0;
}

function leaveForDelete(seen: Seen, draft: CommandDraft, fingerprint: string): Leave {
  const { last, record } = seen;
  if (last !== undefined && sameWishButPermit(draft, last.value)) {
    const { permit } = last.value;
    return permit === null && isFound(last, record)
      ? { kind: "budget", fingerprint }
      : { kind: "kept", permit };
  }
  const pendingSync =
    last !== undefined &&
    last.value.op === "sync" &&
    (record === undefined ||
      compareFences(record.consumed, { epoch: last.value.epoch, sequence: last.sequence }) < 0);
  if (!pendingSync && record !== undefined && !holdsName(record)) return { kind: "not-needed" };
  if (!pendingSync && record === undefined && last === undefined) return { kind: "not-needed" };
  return { kind: "budget", fingerprint };
}

// The command went without leave as nothing was on record; the sink's look has found something all the same (a record
// that was lost with its stream), of which it can't say what it is.
function isFound(last: Entry<SyncCommand>, record: SyncRecord | undefined): boolean {
  if (record === undefined || !isHeld(last, record)) return false;
  const live = Object.values(record.names).filter(({ state }) => state === "live");
  return live.length > 0 && live.every(({ applied }) => applied === null);
}

function draftOf(
  association: Entry<AssociationRecord>,
): Pick<CommandDraft, "destination" | "association" | "secretKey" | "secret" | "spec"> {
  const { uid, destination, secretKey, secret, spec } = association.value;
  return { association: uid, destination, secretKey, secret, spec };
}

// RES-3 needs the sequence never to fall within an epoch, also over commands that read no state.
function knownStateSequence(seen: Seen): number {
  const before = sameEpoch(seen) ? (seen.last?.value.resolvedFrom.stateSequence ?? 0) : 0;
  return Math.max(before, seen.state?.sequence ?? 0);
}

function sameEpoch({ last, epoch }: Seen): boolean {
  return last !== undefined && last.value.epoch === epoch;
}
