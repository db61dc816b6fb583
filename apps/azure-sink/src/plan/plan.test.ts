import { type Applied, type NameRecord, policyOf, type SyncRecord } from "@keyferry/contracts";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Wish } from "../wish/wish.ts";
import { formatPlan, plan } from "./plan.ts";

const POLICY = policyOf(undefined);
const FENCE = { epoch: 1, sequence: 10 };

function applied(over: Partial<Applied> = {}): Applied {
  return {
    fence: { epoch: 1, sequence: 5 },
    incarnation: "A",
    version: 3,
    keyVaultVersion: "kv-3",
    digest: "d",
    tagsDigest: "t",
    at: "2026-01-01T00:00:00.000Z",
    ...over,
  };
}

function nameRecord(name: string, over: Partial<NameRecord> = {}): NameRecord {
  return { name, applied: applied(), state: "live", intent: null, ...over };
}

function record(names: readonly NameRecord[]): SyncRecord {
  return {
    major: 1,
    kind: "outcome",
    destination: "aaaaaaaaaaaaa",
    association: "bbbbbbbbbbbbb",
    secretKey: "a".repeat(26),
    secret: { source: "main", namespace: "", mount: "kv", accessor: "kv_1", path: "app" },
    consumed: { epoch: 1, sequence: 5 },
    wish: "w",
    names: Object.fromEntries(names.map((one) => [one.name.toLowerCase(), one])),
    outcome: null,
    since: "",
    updatedAt: "",
  };
}

function present(names: readonly string[], over: Partial<Extract<Wish, { kind: "present" }>> = {}): Wish {
  return {
    kind: "present",
    incarnation: "A",
    version: 3,
    versionCreatedTime: "2026-01-01T10:00:03.123456789Z",
    customTags: {},
    attributes: { contentType: "application/json", enabled: true },
    tagsDigest: "t",
    names: names.map((name) => ({ name, lower: name.toLowerCase() })),
    ...over,
  };
}

type Input = Parameters<typeof plan>[0];

const lines = (input: Omit<Input, "fence" | "policy"> & Partial<Input>): string[] =>
  formatPlan(plan({ fence: FENCE, policy: POLICY, ...input }))
    .split("\n")
    .filter((line) => line !== "");

const WAITING: SyncRecord["outcome"] = {
  kind: "waiting",
  until: 0,
  attempts: 1,
  error: {
    code: "source-behind",
    class: "external-service",
    retry: "later",
    message: "",
    advice: "",
    details: {},
  },
};
const INTENT = { opId: "op", action: "put", fence: { epoch: 1, sequence: 4 }, deadlineMs: 10_000 } as const;

test("P3: a name of which nothing is on record is looked at before it is written", () => {
  expect(lines({ wish: present(["App"]), record: undefined, mayDelete: false })).toEqual([
    "put     App  (look first)",
  ]);
});

test("P4: a name that holds the wished version with the wished tags costs nothing", () => {
  expect(lines({ wish: present(["app"]), record: record([nameRecord("app")]), mayDelete: false })).toEqual([
    "none    app  (holds version 3)",
  ]);
});

test("a new version of a name of ours is written without a look: one write, no read", () => {
  const wish = present(["app"], { version: 4 });
  expect(lines({ wish, record: record([nameRecord("app")]), mayDelete: false })).toEqual(["put     app"]);
});

test("fallback-then-undelete: going back to an older version is a write, and so is coming forth again", () => {
  const back = present(["app"], { version: 2 });
  expect(lines({ wish: back, record: record([nameRecord("app")]), mayDelete: false })).toEqual([
    "put     app",
  ]);
  const atTwo = record([nameRecord("app", { applied: applied({ version: 2 }) })]);
  expect(lines({ wish: present(["app"]), record: atTwo, mayDelete: false })).toEqual(["put     app"]);
});

test("source-snapshot-restore: a number that a restored source gave again is another version, which is written", () => {
  const held = (versionCreatedTime?: string) =>
    record([nameRecord("app", { applied: applied({ versionCreatedTime }) })]);
  const input = { wish: present(["app"]), mayDelete: false };
  expect(lines({ ...input, record: held("2026-01-01T09:00:00.5Z") })).toEqual(["put     app"]);
  expect(lines({ ...input, record: held("2026-01-01T10:00:03.123456789Z") })).toEqual([
    "none    app  (holds version 3)",
  ]);
  // An OpenBao that gave whole seconds, before its upgrade.
  expect(lines({ ...input, record: held("2026-01-01T10:00:03Z") })).toEqual([
    "none    app  (holds version 3)",
  ]);
  // A record of before this was noted: nothing is rewritten for its sake.
  expect(lines({ ...input, record: held() })).toEqual(["none    app  (holds version 3)"]);
});

test("incarnation-cannot-be-ordered: the same version number of another incarnation is another value", () => {
  const wish = present(["app"], { incarnation: "B" });
  expect(lines({ wish, record: record([nameRecord("app")]), mayDelete: false })).toEqual(["put     app"]);
});

test("a change of tags alone is a patch of the version that we wrote", () => {
  const wish = present(["app"], { tagsDigest: "other" });
  const planned = plan({
    wish,
    record: record([nameRecord("app")]),
    fence: FENCE,
    mayDelete: false,
    policy: POLICY,
  });
  expect(planned.actions).toEqual([
    { kind: "patch", wished: { name: "app", lower: "app" }, keyVaultVersion: "kv-3" },
  ]);
});

test("O3: a record from an earlier epoch is not trusted: the name is looked at and written", () => {
  const old = record([nameRecord("app", { applied: applied({ fence: { epoch: 0, sequence: 99 } }) })]);
  expect(lines({ wish: present(["app"]), record: old, mayDelete: false })).toEqual([
    "put     app  (look first)",
  ]);
});

test("a rename writes the new name before it deletes the old one", () => {
  const wish = present(["new"]);
  expect(lines({ wish, record: record([nameRecord("old")]), mayDelete: true })).toEqual([
    "put     new  (look first)",
    "delete  old",
  ]);
});

test("names-swap-and-case: another spelling of a name is the same name, never a delete of it", () => {
  expect(lines({ wish: present(["FOO"]), record: record([nameRecord("foo")]), mayDelete: true })).toEqual([
    "none    foo  (holds version 3)",
  ]);
});

test("without a permit nothing is deleted, and the plan says what is held", () => {
  expect(lines({ wish: { kind: "absent" }, record: record([nameRecord("app")]), mayDelete: false })).toEqual([
    "held    app  (no permit to delete)",
  ]);
});

test("an absent wish deletes every live name, and leaves what is deleted already", () => {
  const names = [nameRecord("a"), nameRecord("b", { state: "deleted", applied: null })];
  expect(lines({ wish: { kind: "absent" }, record: record(names), mayDelete: true })).toEqual(["delete  a"]);
});

test("all-streams-lost: that nothing is left is not said from a record of another past, but after a look", () => {
  const wish = { kind: "absent", given: { name: "App", lower: "app" } } as const;
  const later = { epoch: 2, sequence: 3 };
  const deleted = record([nameRecord("app", { state: "deleted", applied: null })]);
  const gone: SyncRecord = { ...deleted, outcome: { kind: "unsynced", wrote: true } };
  for (const input of [
    { record: { ...gone, outcome: WAITING } },

    { record: undefined },
    { record: record([]), fence: later },
    { record: gone, fence: later },
  ]) {
    const lossy = { wish, lookFirst: true, ...input };
    expect(lines({ ...lossy, mayDelete: true })).toEqual(["delete  App"]);
    expect(lines({ ...lossy, mayDelete: false })).toEqual(["find    App  (no record tells of it)"]);
    expect(lines({ ...lossy, mayDelete: true, lookFirst: false })).toEqual([]);
  }
  expect(lines({ wish, mayDelete: true, lookFirst: true, record: gone })).toEqual([]);
  const live = { record: record([nameRecord("app")]), fence: later };
  expect(lines({ wish, mayDelete: false, lookFirst: true, ...live })).toEqual([
    "held    app  (no permit to delete)",
  ]);
});

test("recover-then-crash: a name whose recovery was begun is deleted when nothing is wished", () => {
  const names = [nameRecord("app", { state: "recovering", applied: null })];
  expect(lines({ wish: { kind: "absent" }, record: record(names), mayDelete: true })).toEqual([
    "delete  app",
  ]);
});

test("an unfinished attempt is looked into before anything else, also when the name is not wished any more", () => {
  const open = record([nameRecord("gone", { intent: INTENT }), nameRecord("app", { intent: INTENT })]);
  expect(lines({ wish: present(["app", "new"]), record: open, mayDelete: true })).toEqual([
    "finish  app  (an attempt has not ended)",
    "finish  gone  (an attempt has not ended)",
    "put     new  (look first)",
  ]);
});

test("on_delete: a name is disabled or released in place of deleted, but a recovery that was begun is undone", () => {
  const names = [nameRecord("a"), nameRecord("b", { state: "recovering", applied: null })];
  const input = { wish: { kind: "absent" } as const, record: record(names), mayDelete: true };
  expect(lines({ ...input, policy: policyOf({ onDelete: "disable" }) })).toEqual(["disable a", "delete  b"]);
  expect(lines({ ...input, policy: policyOf({ onDelete: "retain" }) })).toEqual(["release a", "delete  b"]);
});

test("what is disabled or released already costs nothing, and is written anew when it is wished again", () => {
  const names = [
    nameRecord("a", { state: "disabled", applied: null }),
    nameRecord("b", { state: "released", applied: null }),
  ];
  expect(lines({ wish: { kind: "absent" }, record: record(names), mayDelete: true })).toEqual([]);
  expect(lines({ wish: present(["a", "b"]), record: record(names), mayDelete: true })).toEqual([
    "put     a  (look first)",
    "put     b  (look first)",
  ]);
});

test("version_per_version off: a new version is patched if its value is the one that lies there", () => {
  const input = {
    wish: present(["app"], { version: 4 }),
    record: record([nameRecord("app")]),
    mayDelete: true,
  };
  expect(lines({ ...input, policy: policyOf({ versionPerVersion: false }) })).toEqual([
    "put     app  (patch, if the value is the same)",
  ]);
});

test("a date that is taken away needs a version, as a patch can't unset it", () => {
  const attributes = { contentType: "application/json", enabled: true };
  const dated = applied({ tagsDigest: "dated", attributes: { ...attributes, expires: 1_800_000_000_000 } });
  const input = { wish: present(["app"]), mayDelete: true, policy: policyOf({ versionPerVersion: false }) };
  expect(lines({ ...input, record: record([nameRecord("app", { applied: dated })]) })).toEqual([
    "put     app",
  ]);
  const moved = present(["app"], { attributes: { ...attributes, expires: 1_900_000_000_000 } });
  expect(lines({ ...input, wish: moved, record: record([nameRecord("app", { applied: dated })]) })).toEqual([
    "patch   app  (tags)",
  ]);
});

test("purge_deleted: what is deleted is purged after it, with the same leave, and once; what is disabled or refused is not", () => {
  const policy = { ...POLICY, purgeDeleted: true };
  const deleted = { state: "deleted", applied: null } as const;
  const start = record([nameRecord("x"), nameRecord("y", deleted)]);
  const wish = { kind: "absent" } as const;
  expect(lines({ wish, record: start, mayDelete: true, policy })).toEqual([
    "delete  x",
    "purge   x",
    "purge   y",
  ]);
  expect(lines({ wish, record: start, mayDelete: false, policy })).toEqual([
    "held    x  (no permit to delete)",
  ]);
  expect(lines({ wish, record: start, mayDelete: true })).toEqual(["delete  x"]);
  const kept = record([nameRecord("y", { ...deleted, notPurged: "protected" })]);
  expect(lines({ wish, record: kept, mayDelete: true, policy })).toEqual([]);
  const disabling = { ...policy, onDelete: "disable" as const };
  expect(lines({ wish, record: record([nameRecord("x")]), mayDelete: true, policy: disabling })).toEqual([
    "disable x",
  ]);
});

const NAMES = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d"));

test("after a plan was carried out there is nothing left to do", () => {
  fc.assert(
    fc.property(NAMES, NAMES, fc.integer({ min: 1, max: 3 }), (before, wishedNames, version) => {
      const start = record(before.map((name) => nameRecord(name)));
      const wish =
        wishedNames.length === 0 ? ({ kind: "absent" } as const) : present(wishedNames, { version });
      const planned = plan({ wish, record: start, fence: FENCE, mayDelete: true, policy: POLICY });
      const after = { ...start.names };
      for (const action of planned.actions) {
        if (action.kind === "put" || action.kind === "patch") {
          after[action.wished.lower] = nameRecord(action.wished.name, { applied: applied({ version }) });
        } else if (action.kind === "delete") {
          after[action.lower] = nameRecord(action.name, { state: "deleted", applied: null });
        }
      }
      const again = plan({
        wish,
        record: { ...start, names: after },
        fence: FENCE,
        mayDelete: true,
        policy: POLICY,
      });
      expect(again.actions.filter(({ kind }) => kind !== "none")).toEqual([]);
    }),
  );
});
