// Records for the unit tests of this folder and its neighbours: one destination, one secret, whatever happened to it.

import {
  type AssociationRecord,
  type DestinationRecord,
  fingerprintOf,
  type Outcome,
  type SecretState,
  type SyncCommand,
  type SyncRecord,
  type VersionEvent,
  wishDigest,
} from "@keyferry/contracts";
import type { CommandEntry, Entry } from "../ports.ts";

export const EPOCH = 1_000;
export const NOW = Date.parse("2026-11-24T12:00:00Z");
const AT = new Date(NOW).toISOString();

export const DESTINATION: DestinationRecord = {
  major: 1,
  uid: "destinationuid234",
  namespace: "",
  type: "azure-kv",
  name: "d",
  state: "active",
  connection: {
    keyVaultUri: "https://kv-1.vault.azure.net",
    tenantId: "t.example",
    clientId: "c",
    credential: { kind: "environment" },
  },
  spec: { granularity: "secret-path", nameTemplate: "x", customTags: {} },
  createdAt: AT,
  updatedAt: AT,
};

export const SECRET_KEY = "abcdefghijklmnopqrstuvwxyz";

export const ASSOCIATION: AssociationRecord = {
  major: 1,
  uid: "associationuid234",
  state: "active",
  destination: DESTINATION.uid,
  secretKey: SECRET_KEY,
  secret: { source: "main", namespace: "", mount: "kv", accessor: "kv_1", path: "a" },
  spec: DESTINATION.spec,
  createdAt: AT,
  updatedAt: AT,
};

export function entry<T>(value: T, sequence: number): Entry<T> {
  return { value, sequence, time: NOW };
}

/** A state with these versions: `true` is live, `false` dead. No versions and `gone` differ. */
export function present(...live: readonly boolean[]): SecretState {
  return {
    kind: "present",
    incarnation: "2026-01-01T00:00:00Z",
    current: live.length,
    oldest: 0,
    versions: Object.fromEntries(
      live.map((isLive, index) => [
        String(index + 1),
        {
          createdTime: `2026-01-0${index + 1}T00:00:00Z`,
          deletionTime: isLive ? "" : "2026-02-01T00:00:00Z",
          destroyed: false,
          live: isLive,
        },
      ]),
    ),
    customMetadata: {},
    maxVersions: 0,
    casRequired: false,
    deleteVersionAfter: "0s",
  };
}

export function seenEvent(state: SecretState, changes: VersionEvent["changes"] = []): VersionEvent {
  return {
    major: 1,
    secret: ASSOCIATION.secret,
    clusterId: "c",
    state,
    fingerprint: fingerprintOf(state),
    changes,
    via: "hint",
    readStartedAt: NOW,
  };
}

export function command(fields: Partial<SyncCommand>, sequence: number): CommandEntry {
  const value: SyncCommand = {
    major: 1,
    epoch: EPOCH,
    op: "sync",
    destination: DESTINATION.uid,
    association: ASSOCIATION.uid,
    secretKey: SECRET_KEY,
    secret: ASSOCIATION.secret,
    spec: ASSOCIATION.spec,
    expect: null,
    permit: null,
    reason: "source",
    resolvedFrom: { associationRevision: 1, stateSequence: 1 },
    ...fields,
  };
  return { ...entry(value, sequence), lane: "live" };
}

/** The record after a command has ended like this. */
export function recordAfter(ended: CommandEntry, outcome: Outcome, updatedAt = NOW): SyncRecord {
  const fence = { epoch: ended.value.epoch, sequence: ended.sequence };
  const at = new Date(updatedAt).toISOString();
  const isLive = outcome.kind === "synced";
  return {
    major: 1,
    kind: "outcome",
    destination: ended.value.destination,
    association: ended.value.association,
    secretKey: ended.value.secretKey,
    secret: ended.value.secret,
    consumed: fence,
    wish: wishDigest(ended.value),
    names: isLive
      ? {
          x: {
            name: "X",
            state: "live",
            intent: null,
            applied: {
              fence,
              incarnation: "i",
              version: outcome.version,
              keyVaultVersion: "v",
              digest: "d",
              tagsDigest: "t",
              at,
            },
          },
        }
      : {},
    outcome,
    since: at,
    updatedAt: at,
  };
}

export const SYNCED: Outcome = { kind: "synced", version: 1, wrote: true };
export const UNSYNCED: Outcome = { kind: "unsynced", wrote: true };

export function failure(
  code: "foreign-owner" | "vault-error" | "vault-throttled" | "unexpected" | "source-changed",
  errorClass: "client-side" | "external-service" | "internal",
) {
  return {
    code,
    class: errorClass,
    retry: "later",
    message: "m",
    advice: "do this",
    details: {},
  } as const;
}
