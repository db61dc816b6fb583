import type { SyncCommand } from "@keyferry/contracts";
import { expect, test } from "vitest";
import { emptyRecord, endName, openIntent, withOpeningTimes, withOutcome } from "./record.ts";

const UID = "aaaaaaaaaaaaa";
const COMMAND: SyncCommand = {
  major: 1,
  epoch: 1,
  op: "sync",
  destination: UID,
  association: UID,
  secretKey: "a".repeat(26),
  secret: { source: "main", namespace: "", mount: "kv", accessor: "kv_1", path: "app" },
  spec: { granularity: "secret-path", nameTemplate: "x", customTags: {} },
  expect: null,
  permit: null,
  reason: "source",
  resolvedFrom: { associationRevision: 1, stateSequence: 1 },
};
const FENCE = { epoch: 1, sequence: 7 };
const intent = (action: "put" | "recover" | "delete") => ({
  opId: "op",
  action,
  fence: FENCE,
  deadlineMs: 10_000,
});
const APPLIED = {
  fence: FENCE,
  incarnation: "A",
  version: 1,
  keyVaultVersion: "kv",
  digest: "d",
  tagsDigest: "t",
  at: "",
};

test("an intent leaves what was consumed as it was", () => {
  const opened = openIntent(emptyRecord(COMMAND, 0), "App", intent("put"), 1_000);
  expect(opened.kind).toBe("intent");
  expect(opened.consumed).toEqual({ epoch: 0, sequence: 0 });
  expect(opened.names["app"]).toMatchObject({ name: "App", state: "absent", intent: { opId: "op" } });
});

test("intent-clock-skew: a deadline counts from the JetStream time of the message that opened it, once", () => {
  const opened = openIntent(emptyRecord(COMMAND, 0), "app", intent("put"), 0);
  const read = withOpeningTimes(opened, 5_000);
  expect(read.names["app"]?.intent?.openedAt).toBe(5_000);
  expect(withOpeningTimes(read, 9_000).names["app"]?.intent?.openedAt).toBe(5_000);
});

test("recover-then-crash: a recovery that is begun marks the name as recovering before it is sent", () => {
  const opened = openIntent(emptyRecord(COMMAND, 0), "app", intent("recover"), 0);
  expect(opened.names["app"]?.state).toBe("recovering");
});

test("a name says whose key's value it holds: set by a put, kept by all else, gone with a put of the whole secret", () => {
  const put = openIntent(emptyRecord(COMMAND, 0), "app-port", intent("put"), 0, "port");
  const live = endName(put, "app-port", { kind: "applied", applied: APPLIED });
  expect(live.names["app-port"]?.subKey).toBe("port");
  const deleting = openIntent(live, "app-port", intent("delete"), 0);
  expect(deleting.names["app-port"]?.subKey).toBe("port");
  expect(openIntent(live, "app-port", intent("put"), 0, "host").names["app-port"]?.subKey).toBe("host");
  expect(openIntent(live, "app-port", intent("put"), 0, null).names["app-port"]).not.toHaveProperty("subKey");
});

test("an attempt without effect leaves the name as it was, without the intent", () => {
  const live = endName(emptyRecord(COMMAND, 0), "app", { kind: "applied", applied: APPLIED });
  const ended = endName(openIntent(live, "app", intent("delete"), 0), "app", { kind: "untouched" });
  expect(ended.names["app"]).toEqual({ name: "app", applied: APPLIED, state: "live", intent: null });
});

test("an outcome drops names that hold nothing of ours and keeps those with an unfinished attempt", () => {
  const absent = endName(emptyRecord(COMMAND, 0), "gone", { kind: "absent" });
  const open = openIntent(absent, "open", intent("put"), 0);
  const outcome = { kind: "unsynced", wrote: false } as const;
  const ended = withOutcome(open, { command: COMMAND, fence: FENCE, wish: "w", outcome, nowMs: 1 });
  expect(Object.keys(ended.names)).toEqual(["open"]);
  expect(ended.consumed).toEqual(FENCE);
});

test("`since` moves only when the kind of the outcome does", () => {
  const end = (nowMs: number, wrote: boolean) =>
    ({
      command: COMMAND,
      fence: FENCE,
      wish: "w",
      outcome: { kind: "synced", version: 1, wrote },
      nowMs,
    }) as const;
  const first = withOutcome(emptyRecord(COMMAND, 0), end(1_000, true));
  const second = withOutcome(first, end(2_000, false));
  expect(second.since).toBe(first.since);
  expect(second.updatedAt).not.toBe(first.updatedAt);
});
