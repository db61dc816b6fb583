// Owns: what is wished for one (destination, secret), given everything that is known of it. Pure.
// Does not own: reading those facts, the compare-and-set, spending the delete budget (resolver.ts, permits/).
// Invariants:
//   RES-1  No state is "unknown", never "gone": the detector is asked, nothing is deleted (O7).
//   RES-2  A source-driven unsync expects exactly the state it was resolved from; a person's expects nothing (O1).
//   RES-3  Facts older than those of the last command lead to no wish but to another read (O9).
//   RES-4  A wish that was already given out keeps its permit, granted or not: it is never asked for twice (O12).

import {
  type AssociationRecord,
  compareFences,
  type DestinationRecord,
  type ExpectedState,
  highestLiveVersion,
  type Permit,
  type SecretRef,
  type SyncCommand,
  type SyncRecord,
  type VersionEvent,
  wishDigest,
} from "@keyferry/contracts";
import type { Entry } from "../ports.ts";

/** Everything that was read of one (destination, secret). */
export interface Seen {
  readonly destination: DestinationRecord | undefined;
  readonly association: Entry<AssociationRecord> | undefined;
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
  "op" | "destination" | "association" | "secretKey" | "secret" | "spec" | "expect" | "resolvedFrom"
> & { readonly committedAt?: number };

/** Where the command's permit comes from. */
export type Leave =
  /** A sync, or there is nothing to delete. */
  | { readonly kind: "not-needed" }
  | { readonly kind: "person" }
  /** The last command asks for the same: what it was given stays, also if it was given nothing. */
  | { readonly kind: "kept"; readonly permit: Permit | null }
  | { readonly kind: "budget"; readonly fingerprint: string }
  /** Deletes of orphans after an epoch change wait for a person (O14). */
  | { readonly kind: "withheld" };

export type Resolution =
  | { readonly kind: "unknown"; readonly secret: SecretRef }
  | { readonly kind: "behind"; readonly why: string }
  | { readonly kind: "wish"; readonly draft: CommandDraft; readonly leave: Leave }
  | { readonly kind: "none"; readonly why: NoWish };

export type NoWish = "never-wished" | "no-destination" | "destination-closing" | "already-unsynced";

/** The wish for one (destination, secret). Never throws. */
export function resolve(seen: Seen): Resolution {
  if (seen.destination === undefined) return { kind: "none", why: "no-destination" };
  const stale = whyBehind(seen);
  if (stale !== undefined) return { kind: "behind", why: stale };
  if (seen.association === undefined) return resolveOrphan(seen, seen.destination);
  if (seen.association.value.state === "removed") return wishRemoved(seen, seen.association);
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

/** True if both ask for the same, whatever permit they carry. */
export function sameWishButPermit(draft: CommandDraft, command: SyncCommand): boolean {
  return wishDigest({ ...draft, permit: null }) === wishDigest({ ...command, permit: null });
}

function whyBehind({ association, state, last, epoch, orphanConfirmed }: Seen): string | undefined {
  if (last === undefined || last.value.epoch !== epoch) return undefined;
  const { associationRevision, stateSequence } = last.value.resolvedFrom;
  if (association !== undefined && association.sequence < associationRevision) {
    return "the association was read older than the last command saw it";
  }
  if (association === undefined && last.value.op === "sync" && !orphanConfirmed) {
    return "the last command syncs an association that was not found";
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
    op: live === undefined ? "unsync" : "sync",
    expect: expectationOf(state.value),
    resolvedFrom: { associationRevision: association.sequence, stateSequence: state.sequence },
    ...(committedAt === undefined ? {} : { committedAt }),
  };
  if (draft.op === "sync") return { kind: "wish", draft, leave: { kind: "not-needed" } };
  return { kind: "wish", draft, leave: leaveForDelete(seen, draft, state.value.fingerprint) };
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
  const draft: CommandDraft = {
    op: "unsync",
    destination: origin.destination,
    association: origin.association,
    secretKey: origin.secretKey,
    secret: origin.secret,
    spec: last?.value.spec ?? destination.spec,
    expect: null,
    resolvedFrom: {
      associationRevision: sameEpoch(seen) ? (last?.value.resolvedFrom.associationRevision ?? 0) : 0,
      stateSequence: knownStateSequence(seen),
    },
  };
  if (last !== undefined && sameWishButPermit(draft, last.value)) {
    return { kind: "wish", draft, leave: { kind: "kept", permit: last.value.permit } };
  }
  const fromBefore =
    (last !== undefined && last.value.epoch !== seen.epoch) ||
    (record !== undefined && record.consumed.epoch !== seen.epoch);
  return {
    kind: "wish",
    draft,
    leave: fromBefore ? { kind: "withheld" } : { kind: "budget", fingerprint: "orphan" },
  };
}

function leaveForDelete(seen: Seen, draft: CommandDraft, fingerprint: string): Leave {
  const { last, record } = seen;
  if (last !== undefined && sameWishButPermit(draft, last.value)) {
    return { kind: "kept", permit: last.value.permit };
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
