// P3: which tags are believed. Hazards copied-tags, tag-key-lost, user-tags-displace-ours, retained-still-ours.
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { checkCustomTags, mergeTags } from "./custom-tags.ts";
import { OWNER_TAG, ownerTags, readOwner, releasedTags, STATE_TAG } from "./owner-tags.ts";

const tagKeys = {
  active: "k2",
  keys: new Map([
    ["k1", Buffer.alloc(32, 1)],
    ["k2", Buffer.alloc(32, 2)],
  ]),
};
const placement = { instanceId: "abcdefghijklm", vaultHost: "kv.vault.azure.net", lowerName: "db-password" };
const mark = {
  association: "a".repeat(26),
  fence: { epoch: 1_763_856_000_000, sequence: 9_007_199_254_740_991 },
  opId: "b".repeat(20),
  sourceVersion: 42,
  digest: `k2.${"A-_z".repeat(11).slice(1)}`,
};
const ours = ownerTags({ ...placement, ...mark }, tagKeys);

test("what was written is read back whole", () => {
  expect(readOwner(ours, placement, tagKeys)).toEqual({ kind: "ours", keyId: tagKeys.active, ...mark });
});

test("there are two tags, and neither name nor value is longer than 256 characters at the longest fields", () => {
  const longest = ownerTags(
    {
      ...placement,
      ...mark,
      sourceVersion: Number.MAX_SAFE_INTEGER,
      digest: `${"k".repeat(16)}.${"d".repeat(43)}`,
    },
    { active: "k".repeat(16), keys: new Map([["k".repeat(16), Buffer.alloc(32)]]) },
  );
  expect(Object.keys(longest).sort()).toEqual([OWNER_TAG, STATE_TAG]);
  for (const [name, value] of Object.entries(longest)) {
    expect(name.length).toBeLessThanOrEqual(256);
    expect(value.length).toBeLessThanOrEqual(256);
  }
});

test.each([
  ["another name", { ...placement, lowerName: "db-passwords" }],
  ["another vault", { ...placement, vaultHost: "kw.vault.azure.net" }],
])("tags copied to %s are forged", (_where, elsewhere) => {
  expect(readOwner(ours, elsewhere, tagKeys)).toEqual({ kind: "forged" });
});

test("tags of two versions cannot be mixed, and a missing state tag is noticed", () => {
  const other = ownerTags({ ...placement, ...mark, opId: "c".repeat(20) }, tagKeys);
  const mixed = { ...ours, [STATE_TAG]: other[STATE_TAG] ?? "" };
  expect(readOwner(mixed, placement, tagKeys)).toEqual({ kind: "forged" });
  expect(readOwner({ [OWNER_TAG]: ours[OWNER_TAG] ?? "" }, placement, tagKeys)).toEqual({ kind: "forged" });
});

test("no tags, only a person's tags, or only our state tag: nobody's", () => {
  expect(readOwner(undefined, placement, tagKeys)).toEqual({ kind: "none" });
  expect(readOwner({ team: "x" }, placement, tagKeys)).toEqual({ kind: "none" });
  expect(readOwner({ [STATE_TAG]: ours[STATE_TAG] ?? "" }, placement, tagKeys)).toEqual({ kind: "none" });
});

test("another instance's tags say whose they are, though its keys are not ours", () => {
  const theirs = ownerTags(
    { ...placement, ...mark, instanceId: "zzzzzzzzzzzzz" },
    { active: "k9", keys: new Map([["k9", Buffer.alloc(32, 9)]]) },
  );
  expect(readOwner(theirs, placement, tagKeys)).toEqual({
    kind: "other-instance",
    instanceId: "zzzzzzzzzzzzz",
  });
});

test("a rotated key still verifies; a lost one is reported with its id, not taken for foreign (tag-key-lost)", () => {
  const old = ownerTags({ ...placement, ...mark }, { ...tagKeys, active: "k1" });
  expect(readOwner(old, placement, tagKeys)).toMatchObject({ kind: "ours" });
  expect(readOwner(old, placement, { active: "k2", keys: new Map([["k2", Buffer.alloc(32, 2)]]) })).toEqual({
    kind: "unknown-key",
    keyId: "k1",
  });
});

test("a released secret is not ours and names the source secret that may adopt it (retained-still-ours)", () => {
  const secretKey = "q".repeat(26);
  const tags = releasedTags({ ...placement, secretKey }, tagKeys);
  expect(readOwner(tags, placement, tagKeys)).toEqual({ kind: "released", secretKey });
  const copied = { ...placement, lowerName: "other" };
  expect(readOwner(tags, copied, tagKeys)).toEqual({ kind: "forged" });
});

test("no change of a single character of either tag is believed", () => {
  const both = Object.entries(ours);
  fc.assert(
    fc.property(
      fc.nat(1),
      fc.nat(),
      fc.constantFrom("a", "b", "z", "0", "9", ".", "-", "_"),
      (which, position, character) => {
        const [name, value] = both[which] ?? ["", ""];
        const at = position % value.length;
        fc.pre(value[at] !== character);
        const changed = { ...ours, [name]: value.slice(0, at) + character + value.slice(at + 1) };
        expect(readOwner(changed, placement, tagKeys).kind).not.toBe("ours");
      },
    ),
    { numRuns: 500 },
  );
});

test("any text in the owner tag is read without a throw", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (owner, state) => {
      expect(readOwner({ [OWNER_TAG]: owner, [STATE_TAG]: state }, placement, tagKeys).kind).not.toBe("ours");
    }),
  );
});

test("ours win over a person's tag of the same name, in whatever case (user-tags-displace-ours)", () => {
  const merged = mergeTags({ [OWNER_TAG]: "mine", "Keyferry-State": "mine", team: "x" }, ours);
  expect(merged).toEqual({ kind: "ok", tags: { team: "x", ...ours } });
});

test("thirteen custom tags fit and fourteen are refused, as are names and values beyond 256 characters", () => {
  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`t${n}`, "v"]));
  const merged = mergeTags(many(13), ours);
  expect(merged.kind === "ok" && Object.keys(merged.tags).length).toBe(15);
  expect(mergeTags(many(14), ours)).toEqual({ kind: "refused", what: "14 custom tags, more than 13" });
  expect(mergeTags({ a: "v".repeat(256) }, ours).kind).toBe("ok");
  expect(mergeTags({ a: "v".repeat(257) }, ours).kind).toBe("refused");
  expect(mergeTags({ ["a".repeat(257)]: "v" }, ours).kind).toBe("refused");
  expect(mergeTags({ "": "v" }, ours).kind).toBe("refused");
});

test("at the write, our names and names with white space are refused", () => {
  expect(checkCustomTags({ team: "a b" })).toEqual({ kind: "ok" });
  expect(checkCustomTags({ "KeyFerry-Owner": "x" }).kind).toBe("refused");
  expect(checkCustomTags({ "my team": "x" }).kind).toBe("refused");
});
