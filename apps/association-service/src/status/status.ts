// Owns: what the API says about an association, derived from its last command and its record. Pure.
// Invariant STA-1: status is never stored, so it can't stick (hazard status-sticks).

import {
  type AssociationRecord,
  compareFences,
  type NameRecord,
  type SyncCommand,
  type SyncRecord,
} from "@keyferry/contracts";
import type { ErrorCode } from "@keyferry/errors";
import type { Pause } from "../pauses/pause-of.ts";
import type { Entry } from "../ports.ts";

/** Vault's words (reference: sync_status). */
export type SyncStatus =
  | "PENDING"
  | "SYNCED"
  | "UNSYNCED"
  | "CLIENT_SIDE_ERROR"
  | "EXTERNAL_SERVICE_ERROR"
  | "INTERNAL_VAULT_ERROR";

/** An external secret that is there, or is being written. */
export interface ExternalName {
  readonly name: string;
  /** The key of the secret whose value it holds; empty for the whole secret, or where that is not on record. */
  readonly subKey: string;
  readonly version: number | undefined;
}

export interface AssociationStatus {
  readonly status: SyncStatus;
  /** Why, since when and what to do: Keyferry's own fields, which Vault's clients ignore (P7). */
  readonly reason: string;
  readonly since: string;
  readonly nextStep: string;
  readonly externalNames: readonly string[];
  readonly names: readonly ExternalName[];
  /** The source's version that Key Vault holds, if one is known. */
  readonly version: number | undefined;
}

// While these last, the operation is still under way as far as a caller is concerned (O24: source-changed has no
// status of Vault's own; the others end by themselves within minutes).
const STILL_PENDING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "source-changed",
  "source-behind",
  "vault-throttled",
  "vault-conflict",
  "answer-lost",
  "lock-lost",
  "drifted",
  "operation-aborted",
  "paused",
]);
// The last time that a Date can hold; `until` is a number that another process wrote.
const TIME_MS_MAX = 8.64e15;

type Verdict = Pick<AssociationStatus, "status" | "reason" | "nextStep" | "since">;

/** The status of an active association. `pause`: the one that covers it, if any. */
export function deriveStatus(
  association: AssociationRecord,
  command: Entry<SyncCommand> | undefined,
  record: SyncRecord | undefined,
  pause?: Pause,
): AssociationStatus {
  const judged = judge(association, command, record);
  const { status, reason, since, nextStep } = pause === undefined ? judged : judgePaused(judged, pause);
  const names = Object.values(record?.names ?? {})
    .filter(isThere)
    .map(({ name, subKey = "", applied }) => ({ name, subKey, version: applied?.version }))
    .sort((a, b) => compare(a.subKey, b.subKey) || compare(a.name, b.name));
  const versions = names.flatMap(({ version }) => (version === undefined ? [] : [version]));
  return {
    status,
    reason,
    since,
    nextStep,
    externalNames: names.map(({ name }) => name).sort(),
    names,
    version: versions.length === 0 ? undefined : Math.max(...versions),
  };
}

// What an unsync has left there (soft-deleted, disabled, released) holds nothing of the association's any more.
function isThere({ state, intent }: NameRecord): boolean {
  return state === "live" || state === "recovering" || intent?.action === "put";
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

// A pause holds what has not ended; what has ended, or waits for a person anyway, stays what it is.
function judgePaused(judged: Verdict & { readonly waitsForPerson?: boolean }, pause: Pause): Verdict {
  const why = pause.reason === "" ? "" : ` (${pause.reason})`;
  if (judged.status === "PENDING" && judged.waitsForPerson !== true) {
    return {
      status: "PENDING",
      reason: `paused: nothing is written until it is resumed${why}`,
      // Of the two that make it wait, the one that came last.
      since: judged.since > pause.since ? judged.since : pause.since,
      nextStep:
        "Resume it: POST sys/sync/resume, or disabled=false of sys/sync/config if everything is paused.",
    };
  }
  const { status, since, nextStep } = judged;
  const reason = `${judged.reason}; paused since ${pause.since}${why}: later changes wait`;
  return { status, reason, since, nextStep };
}

function judge(
  association: AssociationRecord,
  command: Entry<SyncCommand> | undefined,
  record: SyncRecord | undefined,
): Verdict & { readonly waitsForPerson?: boolean } {
  if (command === undefined) {
    return {
      status: "PENDING",
      reason: "not-looked-at-yet: the change-detector has not seen this secret yet",
      since: association.updatedAt,
      nextStep: "Wait a moment; if it lasts, check that the change-detector runs and may read the mount.",
    };
  }
  const fence = { epoch: command.value.epoch, sequence: command.sequence };
  if (record === undefined || record.outcome === null || compareFences(record.consumed, fence) < 0) {
    return {
      status: "PENDING",
      reason: `queued: ${command.value.op} has been ordered and has not ended yet`,
      since: new Date(command.time).toISOString(),
      nextStep: "Wait a moment; if it lasts, check that an azure-sink runs and is ready.",
    };
  }
  return judgeOutcome(record, record.outcome);
}

function judgeOutcome(
  record: SyncRecord,
  outcome: NonNullable<SyncRecord["outcome"]>,
): Verdict & { readonly waitsForPerson?: boolean } {
  const { since } = record;
  switch (outcome.kind) {
    case "synced":
      return { status: "SYNCED", reason: "synced", since, nextStep: "" };
    case "unsynced":
      return {
        status: "UNSYNCED",
        reason: `unsynced: the secret has no live version in the source${leftOf(record)}`,
        since,
        nextStep: "Write or undelete a version, or remove the association.",
      };
    case "held":
      return {
        status: "PENDING",
        waitsForPerson: true,
        reason: `held: ${outcome.error.message}`,
        since,
        nextStep:
          "Nothing was deleted. Restore the secret in the source, or approve the set: sys/sync/held shows it. Removing the association confirms its delete alone.",
      };
    case "waiting": {
      const { code, message, advice } = outcome.error;
      const status = statusOf(outcome.error);
      return { status, reason: `${code}: ${message}; ${retryOf(outcome)}`, since, nextStep: advice };
    }
    case "refused": {
      const { code, message, advice } = outcome.error;
      return {
        status: statusOf(outcome.error),
        waitsForPerson: true,
        reason: `${code}: ${message}`,
        since,
        nextStep: advice,
      };
    }
  }
}

// After `on_delete: disable` or `retain`, or a purge that was refused, something of it is still in Key Vault.
function leftOf({ names }: SyncRecord): string {
  const kept = Object.values(names).find(({ notPurged }) => notPurged !== undefined)?.notPurged;
  if (kept === "protected")
    return "; its external secret can't be purged: the Key Vault has purge protection";
  if (kept === "denied") return "; its external secret was not purged: the destination's identity may not";
  const states = new Set(Object.values(names).map(({ state }) => state));
  if (states.has("disabled")) return "; its external secret is disabled";
  return states.has("released")
    ? "; its external secret was left in Key Vault, and is Keyferry's no more"
    : "";
}

function retryOf({ until, attempts }: { readonly until: number; readonly attempts: number }): string {
  const isTime = Number.isFinite(until) && Math.abs(until) <= TIME_MS_MAX;
  const when = isTime ? `at ${new Date(until).toISOString()}` : "later";
  return `attempt ${attempts}, tried again ${when}`;
}

function statusOf(error: { readonly code: ErrorCode; readonly class: string }): SyncStatus {
  if (STILL_PENDING.has(error.code)) return "PENDING";
  switch (error.class) {
    case "client-side":
      return "CLIENT_SIDE_ERROR";
    case "external-service":
      return "EXTERNAL_SERVICE_ERROR";
    default:
      return "INTERNAL_VAULT_ERROR";
  }
}
