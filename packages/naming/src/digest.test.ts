// Hazard digest-tells-equality: a digest says "the same" of one name in one destination, and nothing else.
import { SecretValue } from "@keyferry/ports";
import { expect, test } from "vitest";
import { activeDigestKey, digestMatches, digestOf, tagsDigest } from "./digest.ts";

const tagKeys = {
  active: "k2",
  keys: new Map([
    ["k1", Buffer.alloc(32, 1)],
    ["k2", Buffer.alloc(32, 2)],
  ]),
};
const destination = "abcdefghijklmn";
const fields = {
  vaultHost: "kv.vault.azure.net",
  lowerName: "db",
  incarnation: "2026-11-23T00:00:00Z",
  version: 3,
  value: new SecretValue("hunter2"),
  contentType: undefined,
};

test("digest-tells-equality: each field, the destination and the key change the digest", () => {
  const key = activeDigestKey(tagKeys, destination);
  const digests = [
    digestOf({ ...fields, key }),
    digestOf({ ...fields, key: activeDigestKey(tagKeys, "nmlkjihgfedcba") }),
    digestOf({ ...fields, key: activeDigestKey({ ...tagKeys, active: "k1" }, destination) }),
    digestOf({ ...fields, key, vaultHost: "kw.vault.azure.net" }),
    digestOf({ ...fields, key, lowerName: "db2" }),
    digestOf({ ...fields, key, incarnation: "" }),
    digestOf({ ...fields, key, version: 4 }),
    digestOf({ ...fields, key, value: new SecretValue("hunter3") }),
    digestOf({ ...fields, key, contentType: "" }),
    digestOf({ ...fields, key, contentType: "none" }),
    // Moving a character over the border of two fields.
    digestOf({ ...fields, key, vaultHost: "kv.vault.azure.netd", lowerName: "b" }),
  ];
  expect(new Set(digests).size).toBe(digests.length);
  for (const digest of digests) expect(digest).toMatch(/^k[12]\.[\w-]{43}$/);
});

test("a digest made before a rotation is compared with the key that made it", () => {
  const old = digestOf({ ...fields, key: activeDigestKey({ ...tagKeys, active: "k1" }, destination) });
  expect(digestMatches(old, fields, tagKeys, destination)).toBe("same");
  expect(digestMatches(old, { ...fields, version: 4 }, tagKeys, destination)).toBe("different");
  expect(digestMatches(old, fields, { active: "k2", keys: new Map() }, destination)).toBe("unknown-key");
  expect(digestMatches("nonsense", fields, tagKeys, destination)).toBe("unknown-key");
});

test("the digest of tags hangs on tags and attributes, not on their order nor on parts of a second", () => {
  const base = tagsDigest({ a: "1", b: "2" }, { expires: 1_700_000_000_000 });
  expect(tagsDigest({ b: "2", a: "1" }, { expires: 1_700_000_000_999, enabled: true })).toBe(base);
  const others = [
    tagsDigest({ a: "1", b: "3" }, { expires: 1_700_000_000_000 }),
    tagsDigest({ a: "1" }, { expires: 1_700_000_000_000 }),
    tagsDigest({ a: "1", b: "2" }, { notBefore: 1_700_000_000_000 }),
    tagsDigest({ a: "1", b: "2" }, { expires: 1_700_000_000_000, enabled: false }),
    tagsDigest({ a: "1", b: "2" }, { expires: 1_700_000_000_000, contentType: "" }),
  ];
  expect(new Set([base, ...others]).size).toBe(6);
});
