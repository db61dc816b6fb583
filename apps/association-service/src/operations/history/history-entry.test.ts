import type { SyncRecord, VersionEvent } from "@keyferry/contracts";
import { expect, test } from "vitest";
import { createdAtOf, entryOfEvent, entryOfRecord } from "./history-entry.ts";

const AT = Date.parse("2026-01-01T00:00:10Z");
const CREATED = "2026-01-01T00:00:09.500Z";
const SECRET = { source: "main", namespace: "", mount: "kv", accessor: "kv_1", path: "app" };

const EVENT: VersionEvent = {
  major: 1,
  secret: SECRET,
  clusterId: "c",
  state: {
    kind: "present",
    incarnation: "i",
    current: 2,
    oldest: 0,
    versions: { "2": { createdTime: CREATED, deletionTime: "", destroyed: false, live: true } },
    customMetadata: { owner: "a secret of people" },
    maxVersions: 0,
    casRequired: false,
    deleteVersionAfter: "0s",
  },
  fingerprint: "f1.x",
  changes: [{ kind: "version-created", version: 2 }, { kind: "metadata-updated" }],
  via: "hint",
  readStartedAt: AT,
};

const RECORD: SyncRecord = {
  major: 1,
  kind: "outcome",
  destination: "destinationaaa",
  association: "associationaaa",
  secretKey: "a".repeat(26),
  secret: SECRET,
  consumed: { epoch: 1, sequence: 1 },
  wish: "w",
  names: {},
  outcome: { kind: "synced", version: 2, wrote: true },
  since: CREATED,
  updatedAt: CREATED,
};

const past = <T>(value: T) => ({ value, sequence: 7, time: AT, traceId: undefined });

test("a change is told with its labels and its version, without custom metadata", () => {
  const entry = entryOfEvent(past(EVENT));
  expect(entry).toMatchObject({
    secret: "kv/app",
    what: "version-created 2, metadata-updated",
    version: 2,
    via: "hint",
  });
  expect(JSON.stringify(entry)).not.toContain("a secret of people");
});

test("an outcome that wrote has the time since its version was made; one that did not has none", () => {
  const created = (version: number) => createdAtOf(EVENT, version);
  expect(entryOfRecord(past(RECORD), "kv-prod", created)).toMatchObject({
    destination: "kv-prod",
    latency_ms: 500,
  });
  const unwritten = { ...RECORD, outcome: { kind: "synced" as const, version: 2, wrote: false } };
  expect(entryOfRecord(past(unwritten), "kv-prod", created)).toMatchObject({
    latency_ms: null,
    wrote: false,
  });
  expect(entryOfRecord(past(RECORD), "kv-prod", () => undefined)).toMatchObject({ latency_ms: null });
});

test("an intent is no outcome", () => {
  expect(entryOfRecord(past({ ...RECORD, kind: "intent" }), "x", () => undefined)).toBeUndefined();
});
