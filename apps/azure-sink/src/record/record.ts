import {
  type Applied,
  type Fence,
  type Intent,
  type NameRecord,
  NO_FENCE,
  type Outcome,
  type SyncCommand,
  type SyncRecord,
} from "@keyferry/contracts";

// Pure transitions of the record of one (destination, secret). Every message on SYNC_RESULTS carries all of it (O2).

/** The record of a pair of which nothing is known. */
export function emptyRecord(command: SyncCommand, nowMs: number): SyncRecord {
  const at = new Date(nowMs).toISOString();
  return {
    major: 1,
    kind: "intent",
    destination: command.destination,
    association: command.association,
    secretKey: command.secretKey,
    secret: command.secret,
    consumed: NO_FENCE,
    wish: "",
    names: {},
    outcome: null,
    since: at,
    updatedAt: at,
  };
}

/**
 * A record as it was read: an intent that this very message opened gets the message's JetStream time, from which its
 * deadline counts (a duration from a common clock: hazard intent-clock-skew).
 */
export function withOpeningTimes(record: SyncRecord, messageTimeMs: number): SyncRecord {
  const names = Object.entries(record.names).map(([lower, name]): [string, NameRecord] => {
    const { intent } = name;
    if (intent === null || intent.openedAt !== undefined) return [lower, name];
    return [lower, { ...name, intent: { ...intent, openedAt: messageTimeMs } }];
  });
  return { ...record, names: Object.fromEntries(names) };
}

/**
 * The record with an intent opened for a name. `subKey`: the key of the secret whose value is about to be written there,
 * null for the whole secret; what doesn't write a value leaves it out, and it stays as it was.
 */
export function openIntent(
  record: SyncRecord,
  name: string,
  intent: Intent,
  nowMs: number,
  subKey?: string | null,
): SyncRecord {
  const lower = name.toLowerCase();
  const known = record.names[lower];
  const state = intent.action === "recover" ? "recovering" : (known?.state ?? "absent");
  const key = subKey === undefined ? known?.subKey : subKey;
  const opened: NameRecord = {
    name,
    ...(key === undefined || key === null ? {} : { subKey: key }),
    applied: known?.applied ?? null,
    state,
    intent,
  };
  return {
    ...record,
    kind: "intent",
    names: { ...record.names, [lower]: opened },
    updatedAt: new Date(nowMs).toISOString(),
  };
}

/** How a name stands after an attempt. */
export type NameEnd =
  | { readonly kind: "applied"; readonly applied: Applied }
  | { readonly kind: "deleted" }
  | { readonly kind: "absent" }
  | { readonly kind: "recovering" }
  /** Something of ours is there, and no record tells what. */
  | { readonly kind: "found" }
  /** None of our versions is enabled, or none is ours any more. */
  | { readonly kind: "disabled" | "released" }
  /** Soft-deleted by us, and not to be purged. */
  | { readonly kind: "not-purged"; readonly why: NonNullable<NameRecord["notPurged"]> }
  /** Tags or attributes may be half changed; the values are as recorded. */
  | { readonly kind: "uncertain" }
  /** The attempt surely had no effect. */
  | { readonly kind: "untouched" };

/** The record with a name's attempt ended. */
export function endName(record: SyncRecord, name: string, end: NameEnd): SyncRecord {
  const lower = name.toLowerCase();
  const known: NameRecord = record.names[lower] ?? { name, applied: null, state: "absent", intent: null };
  return { ...record, names: { ...record.names, [lower]: endOf({ ...known, name, intent: null }, end) } };
}

function endOf(known: NameRecord, end: NameEnd): NameRecord {
  switch (end.kind) {
    case "applied":
      return { ...known, applied: end.applied, state: "live" };
    case "deleted":
      return { ...known, applied: null, state: "deleted" };
    case "absent":
      return { ...known, applied: null, state: "absent" };
    case "not-purged":
      return { ...known, state: "deleted", notPurged: end.why };
    case "recovering":
      return { ...known, state: "recovering" };
    case "found":
      return { ...known, applied: null, state: "live" };
    case "disabled":
    case "released":
      return { ...known, applied: null, state: end.kind };
    case "uncertain":
      // No wish has this digest, so that the next one patches.
      return known.applied === null ? known : { ...known, applied: { ...known.applied, tagsDigest: "" } };
    case "untouched":
      return known;
  }
}

/** The record with the outcome of a command. Names under which nothing of ours is left are dropped. */
export function withOutcome(
  record: SyncRecord,
  end: { command: SyncCommand; fence: Fence; wish: string; outcome: Outcome; nowMs: number },
): SyncRecord {
  const { command, fence, wish, outcome, nowMs } = end;
  const at = new Date(nowMs).toISOString();
  const names = Object.entries(record.names).filter(
    ([, name]) => name.state !== "absent" || name.intent !== null,
  );
  return {
    ...record,
    kind: "outcome",
    association: command.association,
    secret: command.secret,
    consumed: fence,
    wish,
    names: Object.fromEntries(names),
    outcome,
    since: record.outcome?.kind === outcome.kind ? record.since : at,
    updatedAt: at,
  };
}
