import type { SyncRecord } from "@keyferry/contracts";
import { ownerTags, tagsDigest } from "@keyferry/naming";
import { expect, test } from "vitest";
import { compareRecord, findOrphans, heldNames, type ListedName } from "./compare.ts";

const PLACEMENT = { instanceId: "instanceaaaaa", vaultHost: "v.vault.azure.net" };
const KEYS = new Map([
  ["k1", Buffer.alloc(32, 7)],
  ["k2", Buffer.alloc(32, 8)],
]);
const TAG_KEYS = { active: "k1", keys: KEYS };
const ASSOCIATION = "bbbbbbbbbbbbb";
const STARTED = Date.parse("2026-01-01T12:00:00.000Z");
const CONTEXT = { startedAtMs: STARTED, settledMs: 60_000, placement: PLACEMENT, tagKeys: TAG_KEYS };
const ATTRIBUTES = { contentType: "application/json", enabled: true };
const FENCE = { epoch: 1, sequence: 5 };

function record(over: Partial<SyncRecord> = {}): SyncRecord {
  return {
    major: 1,
    kind: "outcome",
    destination: "aaaaaaaaaaaaa",
    association: ASSOCIATION,
    secretKey: "k".repeat(26),
    secret: { source: "main", namespace: "", mount: "kv", accessor: "kv_1", path: "app" },
    consumed: FENCE,
    wish: "w",
    names: {
      app: {
        name: "App",
        applied: {
          fence: FENCE,
          incarnation: "A",
          version: 2,
          keyVaultVersion: "kv-2",
          digest: "k1.d",
          tagsDigest: tagsDigest({ team: "blue" }, ATTRIBUTES),
          at: "",
        },
        state: "live",
        intent: null,
      },
    },
    outcome: { kind: "synced", version: 2, wrote: true },
    since: "",
    updatedAt: "2026-01-01T11:00:00.000Z",
    ...over,
  };
}

function listed(over: Partial<ListedName> & { key?: string; sequence?: number } = {}): ListedName {
  const { key = "k1", sequence = FENCE.sequence, ...rest } = over;
  const mark = {
    ...PLACEMENT,
    lowerName: "app",
    association: ASSOCIATION,
    fence: { epoch: 1, sequence },
    opId: "op",
    sourceVersion: 2,
    digest: "k1.d",
  };
  const tags = { team: "blue", ...ownerTags(mark, { active: key, keys: KEYS }) };
  return { name: "App", tags, ...ATTRIBUTES, ...rest };
}

const kinds = (one: ListedName | undefined, of: SyncRecord = record()): string[] =>
  compareRecord(of, new Map(one === undefined ? [] : [["app", one]]), CONTEXT).map(({ kind }) => kind);

test("a name that is as it was written raises no suspicion", () => {
  expect(kinds(listed())).toEqual([]);
});

test("missing, older, edited and changed attributes are told apart", () => {
  expect(kinds(undefined)).toEqual(["missing"]);
  expect(kinds(listed({ sequence: 4 }))).toEqual(["older"]);
  expect(kinds(listed({ tags: {} }))).toEqual(["edited"]);
  expect(kinds(listed({ enabled: false }))).toEqual(["attributes"]);
  expect(kinds(listed({ contentType: "text/plain" }))).toEqual(["attributes"]);
  expect(kinds(listed({ expires: 1_800_000_000_000 }))).toEqual(["attributes"]);
});

test("a mark of an old tag key is a patch that is due, and no sign of anybody's hand", () => {
  const [suspect] = compareRecord(record(), new Map([["app", listed({ key: "k2" })]]), CONTEXT);
  expect(suspect).toMatchObject({ kind: "attributes", isOldKey: true });
});

test.each([
  ["2026-01-01T11:59:30.000Z", "written in the minute before the list began"],
  ["2026-01-01T12:00:05.000Z", "written while the list was read"],
])("drift-list-races-put: a record of %s, %s, says nothing", (updatedAt) => {
  expect(kinds(undefined, record({ updatedAt }))).toEqual([]);
});

test("what is under way is left to whoever does it", () => {
  const error = {
    code: "paused",
    class: "client-side",
    retry: "later",
    message: "",
    advice: "",
    details: {},
  } as const;
  expect(kinds(undefined, record({ outcome: { kind: "waiting", until: 1, attempts: 1, error } }))).toEqual(
    [],
  );
  expect(kinds(undefined, record({ kind: "intent" }))).toEqual([]);
  expect(kinds(undefined, record({ verify: [{ opId: "op", name: "App", action: "put", at: [1] }] }))).toEqual(
    [],
  );
});

test("our mark on a name that no record holds is an orphan; a retained or disabled one is not", () => {
  const all = new Map([["app", listed()]]);
  expect(findOrphans(all, new Set(heldNames(record())), CONTEXT)).toEqual([]);
  expect(findOrphans(all, new Set(), CONTEXT)).toMatchObject([{ name: "App" }]);
  expect(findOrphans(new Map([["app", listed({ tags: {} })]]), new Set(), CONTEXT)).toEqual([]);
  const names = { app: { name: "App", applied: null, state: "disabled", intent: null } } as const;
  expect(findOrphans(all, new Set(heldNames(record({ names }))), CONTEXT)).toEqual([]);
});
