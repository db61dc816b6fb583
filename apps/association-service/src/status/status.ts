// Owns: what the API says about an association, derived from its last command and its record. Pure.
// Invariant STA-1: status is never stored, so it can't stick (hazard status-sticks).

import {
  type AssociationRecord,
  compareFences,
  type SyncCommand,
  type SyncRecord,
} from "@keyferry/contracts";
import type { ErrorCode } from "@keyferry/errors";
import type { Entry } from "../ports.ts";

/** Vault's words (reference: sync_status). */
export type SyncStatus =
  | "PENDING"
  | "SYNCED"
  | "UNSYNCED"
  | "CLIENT_SIDE_ERROR"
  | "EXTERNAL_SERVICE_ERROR"
  | "INTERNAL_VAULT_ERROR";

export interface AssociationStatus {
  readonly status: SyncStatus;
  /** Why, since when and what to do: Keyferry's own fields, which Vault's clients ignore (P7). */
  readonly reason: string;
  readonly since: string;
  readonly nextStep: string;
  readonly externalNames: readonly string[];
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
  "operation-aborted",
]);

type Verdict = Pick<AssociationStatus, "status" | "reason" | "nextStep" | "since">;

/** The status of an active association. */
export function deriveStatus(
  association: AssociationRecord,
  command: Entry<SyncCommand> | undefined,
  record: SyncRecord | undefined,
): AssociationStatus {
  const verdict = judge(association, command, record);
  const live = Object.values(record?.names ?? {}).filter((name) => name.state === "live");
  const versions = live.flatMap((name) => (name.applied === null ? [] : [name.applied.version]));
  return {
    ...verdict,
    externalNames: live.map((name) => name.name).sort(),
    version: versions.length === 0 ? undefined : Math.max(...versions),
  };
}

function judge(
  association: AssociationRecord,
  command: Entry<SyncCommand> | undefined,
  record: SyncRecord | undefined,
): Verdict {
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

function judgeOutcome(record: SyncRecord, outcome: NonNullable<SyncRecord["outcome"]>): Verdict {
  const { since } = record;
  switch (outcome.kind) {
    case "synced":
      return { status: "SYNCED", reason: "synced", since, nextStep: "" };
    case "unsynced":
      return {
        status: "UNSYNCED",
        reason: "unsynced: the secret has no live version in the source",
        since,
        nextStep: "Write or undelete a version, or remove the association.",
      };
    case "held":
      return {
        status: "PENDING",
        reason: `held: ${outcome.error.message}`,
        since,
        // Approval comes with a later release; these are the ways out that exist.
        nextStep:
          "Nothing was deleted. Restore the secret in the source, or remove the association to confirm the delete.",
      };
    case "waiting":
    case "refused": {
      const { code, message, advice } = outcome.error;
      return { status: statusOf(outcome.error), reason: `${code}: ${message}`, since, nextStep: advice };
    }
  }
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
