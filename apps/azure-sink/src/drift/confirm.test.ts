import type { Applied, NameRecord } from "@keyferry/contracts";
import type { SecretVersion } from "@keyferry/key-vault";
import { ownerTags } from "@keyferry/naming";
import { expect, test } from "vitest";
import type { Suspect } from "./compare.ts";
import { confirm, toBeRepaired } from "./confirm.ts";

const PLACEMENT = { instanceId: "instanceaaaaa", vaultHost: "v.vault.azure.net", lowerName: "app" };
const TAG_KEYS = { active: "k1", keys: new Map([["k1", Buffer.alloc(32, 7)]]) };
const ASSOCIATION = "bbbbbbbbbbbbb";
const CLAIMANT = {
  association: ASSOCIATION,
  secretKey: "k".repeat(26),
  placement: PLACEMENT,
  tagKeys: TAG_KEYS,
};
const APPLIED: Applied = {
  fence: { epoch: 1, sequence: 5 },
  incarnation: "A",
  version: 2,
  keyVaultVersion: "kv-2",
  digest: "k1.d",
  tagsDigest: "t",
  at: "",
};
const LIVE: NameRecord = { name: "app", applied: APPLIED, state: "live", intent: null };

const suspect = (kind: Suspect["kind"]): Suspect => ({
  kind,
  name: "app",
  lower: "app",
  secretKey: "k".repeat(26),
  secret: { source: "main", namespace: "", mount: "kv", accessor: "kv_1", path: "app" },
  applied: APPLIED,
  detail: "as listed",
  isOldKey: false,
});

function version(id: string, createdOn: number, by: "us" | "nobody" | "another instance"): SecretVersion {
  const mark = {
    ...PLACEMENT,
    instanceId: by === "another instance" ? "instancebbbbb" : PLACEMENT.instanceId,
    association: ASSOCIATION,
    fence: { epoch: 1, sequence: 4 },
    opId: "op",
    sourceVersion: 1,
    digest: "k1.d",
  };
  const tags = by === "nobody" ? {} : ownerTags(mark, TAG_KEYS);
  return { version: id, tags, createdOn, enabled: true, managed: false, contentType: undefined };
}

const look = (...versions: SecretVersion[]) => ({ versions, complete: true });
const confirmed = (kind: Suspect["kind"], ...versions: SecretVersion[]) =>
  confirm(suspect(kind), LIVE, look(...versions), CLAIMANT);

test("a name without versions is missing, whatever the list showed of it", () => {
  expect(confirmed("missing")).toMatchObject({ kind: "missing", mayRepair: true });
  expect(confirmed("edited")).toMatchObject({ kind: "missing", mayRepair: true });
});

test("drift-list-races-put: a name that is there after all is not missing", () => {
  expect(confirmed("missing", version("kv-2", 2_000, "us"))).toBeUndefined();
});

test("a record that changed since the list says nothing", () => {
  const newer = { ...LIVE, applied: { ...APPLIED, keyVaultVersion: "kv-3" } };
  expect(confirm(suspect("missing"), newer, look(), CLAIMANT)).toBeUndefined();
  const open = { opId: "x", action: "put", fence: APPLIED.fence, deadlineMs: 1 } as const;
  expect(confirm(suspect("missing"), { ...LIVE, intent: open }, look(), CLAIMANT)).toBeUndefined();
  expect(confirm(suspect("missing"), undefined, look(), CLAIMANT)).toBeUndefined();
});

test("a version of somebody's over ours is an edit; another instance's is never repaired", () => {
  const ours = version("kv-2", 2_000, "us");
  expect(confirmed("edited", ours, version("x", 3_000, "nobody"))).toMatchObject({
    kind: "edited",
    mayRepair: true,
  });
  expect(confirmed("edited", ours, version("x", 3_000, "another instance"))).toMatchObject({
    kind: "edited",
    mayRepair: false,
  });
});

test("a version of somebody's that is older than ours does not matter", () => {
  expect(confirmed("edited", version("kv-2", 2_000, "us"), version("x", 1_000, "nobody"))).toBeUndefined();
});

test("our version with its tags taken off is to be patched, not written anew", () => {
  expect(confirmed("edited", version("kv-2", 2_000, "nobody"))).toMatchObject({ kind: "attributes" });
});

test("an older version of ours is repaired where ours is gone, or where it lies over it", () => {
  expect(confirmed("older", version("kv-1", 1_000, "us"))).toMatchObject({ kind: "older", mayRepair: true });
  const over = [version("kv-2", 2_000, "us"), version("kv-x", 3_000, "us")];
  expect(confirmed("older", ...over)).toMatchObject({ kind: "older", mayRepair: true });
});

test("purged-and-remade: what somebody made in place of a purged secret is theirs", () => {
  expect(confirmed("edited", version("x", 3_000, "nobody"))).toMatchObject({
    kind: "edited",
    mayRepair: false,
  });
});

test("twenty-thousand-versions: where not all versions could be looked through nothing is repaired", () => {
  const cut = { versions: [version("kv-9", 1_000, "us")], complete: false };
  expect(confirm(suspect("older"), LIVE, cut, CLAIMANT)).toMatchObject({ mayRepair: false });
});

test("after a finding the record makes the plan do the rest", () => {
  const of = (kind: Suspect["kind"]) => toBeRepaired(LIVE, { kind, detail: "", mayRepair: true });
  expect(of("missing")).toMatchObject({ state: "deleted", applied: null });
  expect(of("edited")).toMatchObject({ state: "live", applied: null });
  expect(of("attributes")).toMatchObject({ state: "live", applied: { tagsDigest: "" } });
});
