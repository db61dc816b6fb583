import type { Applied, LateCheck, NameRecord } from "@keyferry/contracts";
import type { SecretVersion } from "@keyferry/key-vault";
import { ownerTags, releasedTags } from "@keyferry/naming";
import { expect, test } from "vitest";
import { judgeLate, repairable } from "./judge-late.ts";

const TAG_KEYS = { active: "k1", keys: new Map([["k1", Buffer.alloc(32, 1)]]) };
const PLACEMENT = { instanceId: "instanceaaaaa", vaultHost: "v.vault.azure.net", lowerName: "app" };
const ASSOCIATION = "aaaaaaaaaaaaaaaaaaaa";
const CLAIMANT = {
  association: ASSOCIATION,
  secretKey: "k".repeat(26),
  placement: PLACEMENT,
  tagKeys: TAG_KEYS,
};
const FENCE = { epoch: 1, sequence: 9 };

function version(id: string, opId: string, createdOn: number, association = ASSOCIATION): SecretVersion {
  const mark = { association, fence: FENCE, opId, sourceVersion: 1, digest: "k1.d" };
  const tags = ownerTags({ ...PLACEMENT, ...mark }, TAG_KEYS);
  return { version: id, tags, createdOn, enabled: true, managed: false, contentType: undefined };
}

const APPLIED: Applied = {
  fence: FENCE,
  incarnation: "A",
  version: 2,
  keyVaultVersion: "kv-2",
  digest: "k1.d",
  tagsDigest: "t",
  at: "",
};
const LIVE: NameRecord = { name: "app", applied: APPLIED, state: "live", intent: null };
const GONE: NameRecord = { name: "app", applied: null, state: "deleted", intent: null };
const check = (action: LateCheck["action"]): LateCheck => ({ opId: "late", name: "app", action, at: [1] });
const kindOf = (action: LateCheck["action"], known: NameRecord | undefined, ...versions: SecretVersion[]) =>
  judgeLate(check(action), known, versions, CLAIMANT).kind;

test("a put that never landed is nothing", () => {
  expect(kindOf("put", LIVE, version("kv-2", "ours", 2_000))).toBe("none");
});

test("same-second-puts: a put that landed later than the recorded one, or in its second, may show", () => {
  const ours = version("kv-2", "ours", 2_000);
  expect(kindOf("put", LIVE, ours, version("kv-x", "late", 3_000))).toBe("overwritten");
  expect(kindOf("put", LIVE, version("kv-x", "late", 2_000), ours)).toBe("overwritten");
});

test("a put that landed before the recorded one does no harm", () => {
  expect(kindOf("put", LIVE, version("kv-x", "late", 1_000), version("kv-2", "ours", 2_000))).toBe("none");
});

test("a put that landed while the recorded version is gone may show", () => {
  expect(kindOf("put", LIVE, version("kv-x", "late", 1_000))).toBe("overwritten");
});

test("a late patch counts only where it lies over the recorded version", () => {
  expect(kindOf("patch", LIVE, version("kv-2", "late", 2_000))).toBe("retagged");
  expect(kindOf("patch", LIVE, version("kv-1", "late", 1_000), version("kv-2", "ours", 2_000))).toBe("none");
});

test("late-delete-after-lock: a live name without a version was removed", () => {
  expect(kindOf("delete", LIVE)).toBe("removed");
  expect(kindOf("delete", LIVE, version("kv-2", "ours", 2_000))).toBe("none");
});

test("what lives though nothing should is taken note of, if it is ours", () => {
  expect(kindOf("put", undefined, version("kv-x", "late", 1_000))).toBe("appeared");
  expect(kindOf("recover", GONE, version("kv-1", "old", 1_000))).toBe("appeared");
  expect(kindOf("delete", GONE)).toBe("none");
  const foreign = { ...version("kv-x", "x", 1_000), tags: {} };
  expect(kindOf("put", undefined, foreign)).toBe("none");
});

test("P3: a name that another association has meanwhile is left alone", () => {
  const theirs = version("kv-y", "theirs", 2_000, "bbbbbbbbbbbbbbbbbbbb");
  expect(kindOf("put", undefined, theirs, version("kv-x", "late", 3_000))).toBe("none");
});

test("a name with an attempt or a recovery under way is not judged", () => {
  const intent = { opId: "new", action: "put", fence: FENCE, deadlineMs: 1 } as const;
  expect(kindOf("delete", { ...LIVE, intent })).toBe("none");
  expect(kindOf("delete", { ...LIVE, state: "recovering" })).toBe("none");
});

test("every finding leaves a record that the plan repairs", () => {
  expect(repairable(LIVE, "app", { kind: "none" })).toBe(LIVE);
  expect(repairable(LIVE, "app", { kind: "overwritten" })).toMatchObject({ state: "live", applied: null });
  expect(repairable(LIVE, "app", { kind: "removed" })).toMatchObject({ state: "deleted", applied: null });
  expect(repairable(undefined, "app", { kind: "appeared" })).toMatchObject({ state: "live", applied: null });
  expect(repairable(LIVE, "app", { kind: "retagged" })?.applied).toEqual({ ...APPLIED, tagsDigest: "" });
});

test("a disable that lands on a version that is wished again is undone by a patch", () => {
  const disabled = { ...version("kv-2", "ours", 2_000), enabled: false };
  expect(kindOf("disable", LIVE, disabled)).toBe("retagged");
  expect(kindOf("disable", LIVE, version("kv-2", "ours", 2_000))).toBe("none");
  // The secret's own settings ask for it.
  const attributes = { contentType: "application/json", enabled: false };
  const asked = { ...LIVE, applied: { ...APPLIED, attributes } };
  expect(kindOf("disable", asked, disabled)).toBe("none");
});

test("a release that lands on a version that is wished again is undone by a patch", () => {
  const mark = { ...PLACEMENT, secretKey: CLAIMANT.secretKey };
  const released = { ...version("kv-2", "ours", 2_000), tags: releasedTags(mark, TAG_KEYS) };
  expect(kindOf("release", LIVE, released)).toBe("retagged");
  expect(kindOf("release", LIVE, version("kv-2", "ours", 2_000))).toBe("none");
});

test("what is disabled or retained on purpose is no late write; a late put into it is", () => {
  const names = { ...GONE, state: "disabled" } as const;
  expect(kindOf("disable", names, { ...version("kv-2", "ours", 2_000), enabled: false })).toBe("none");
  expect(kindOf("put", names, version("kv-x", "late", 3_000))).toBe("appeared");
  const mark = { ...PLACEMENT, secretKey: CLAIMANT.secretKey };
  const released = { ...version("kv-2", "ours", 2_000), tags: releasedTags(mark, TAG_KEYS) };
  const retained = { ...GONE, state: "released" } as const;
  expect(kindOf("release", retained, released)).toBe("none");
  expect(kindOf("put", retained, released, version("kv-x", "late", 3_000))).toBe("appeared");
});
