import { fingerprintOf, type PresentState, type SyncCommand } from "@keyferry/contracts";
import { expect, test } from "vitest";
import { matchState } from "./wish.ts";

function state(current: number, liveVersions: readonly number[], incarnation = "A"): PresentState {
  const versions: PresentState["versions"] = {};
  for (let version = 1; version <= current; version += 1) {
    const live = liveVersions.includes(version);
    versions[String(version)] = {
      createdTime: `t${version}`,
      deletionTime: live ? "" : "gone",
      destroyed: false,
      live,
    };
  }
  return {
    kind: "present",
    incarnation,
    current,
    oldest: 0,
    versions,
    customMetadata: {},
    maxVersions: 0,
    casRequired: false,
    deleteVersionAfter: "0s",
  };
}

const seen = (present: PresentState | undefined) => ({
  present,
  fingerprint: fingerprintOf(present ?? { kind: "gone" }),
});

function command(op: SyncCommand["op"], expected: PresentState | undefined): SyncCommand {
  const association = "aaaaaaaaaaaaa";
  return {
    major: 1,
    epoch: 1,
    op,
    destination: association,
    association,
    secretKey: "a".repeat(26),
    secret: { source: "main", namespace: "", mount: "kv", accessor: "kv_1", path: "app" },
    spec: { granularity: "secret-path", nameTemplate: "x", customTags: {} },
    expect: {
      incarnation: expected?.incarnation ?? null,
      current: expected?.current ?? 0,
      fingerprint: fingerprintOf(expected ?? { kind: "gone" }),
    },
    permit: null,
    reason: "source",
    resolvedFrom: { associationRevision: 1, stateSequence: 1 },
  };
}

test("a sync whose read shows the expected state writes its highest live version", () => {
  const v3 = state(3, [1, 2]);
  expect(matchState(command("sync", v3), seen(v3))).toEqual({ kind: "act", version: 2 });
});

test("a sync goes on with a newer state of the same incarnation", () => {
  expect(matchState(command("sync", state(3, [3])), seen(state(4, [4])))).toEqual({
    kind: "act",
    version: 4,
  });
});

test("standby-one-behind: a read that shows less than the command expects is behind", () => {
  expect(matchState(command("sync", state(4, [4])), seen(state(3, [3])))).toEqual({ kind: "behind" });
});

test("standby-one-behind: other metadata under the same version may be older, so it is not acted on", () => {
  const seenByResolver = { ...state(3, [3]), customMetadata: { "keyferry.enabled": "false" } };
  expect(matchState(command("sync", seenByResolver), seen(state(3, [3])))).toEqual({ kind: "behind" });
});

test("a sync never acts on another incarnation, whatever its numbers", () => {
  expect(matchState(command("sync", state(3, [3], "A")), seen(state(9, [9], "B")))).toEqual({
    kind: "behind",
  });
});

test("unsync-meets-newer-live: a source-driven unsync acts on exactly the state it was made from", () => {
  const dead = state(3, []);
  expect(matchState(command("unsync", dead), seen(dead))).toEqual({ kind: "act", version: undefined });
  expect(matchState(command("unsync", dead), seen(state(4, [4])))).toEqual({ kind: "behind" });
  expect(matchState(command("unsync", undefined), seen(undefined))).toEqual({
    kind: "act",
    version: undefined,
  });
});

test("a sync whose newer read has nothing live does not delete: it is behind", () => {
  expect(matchState(command("sync", state(3, [3])), seen(state(4, [])))).toEqual({ kind: "behind" });
  expect(matchState(command("sync", state(3, [3])), seen(undefined))).toEqual({ kind: "behind" });
});
