import { expect, test } from "vitest";
import { attemptsKey, lockKey, memberOf, pacingKeys, parseMember, recordKey } from "./keys.ts";

const DESTINATION = "abcdefghijklmn";
const KEY = "abcdefghijklmnopqrstuvwxyz";
const tagOf = (key: string): string | undefined => /\{([^{}]+)\}/.exec(key)?.[1];

test("keys of one script share a hash tag, in a rate group and out of it", () => {
  expect(tagOf(recordKey(DESTINATION, KEY))).toBe(tagOf(attemptsKey(DESTINATION, KEY)));
  for (const group of [undefined, "sub-eu"]) {
    const keys = pacingKeys("kv.vault.azure.net", group);
    const tags = [keys.pause, ...keys.buckets("create"), ...keys.buckets("other")].map(tagOf);
    expect(new Set(tags).size).toBe(1);
  }
  const shared = ["a", "b"].map((host) => pacingKeys(host, "sub-eu").buckets("create"));
  expect(shared[0]?.[1]).toBe(shared[1]?.[1]);
  expect(shared[0]?.[0]).not.toBe(shared[1]?.[0]);
});

test("no key shows a vault's or a secret's name, and host and name stay two fields", () => {
  const keys = [
    lockKey("kv-prod.vault.azure.net", "db-password"),
    pacingKeys("kv-prod.vault.azure.net", "eu").pause,
  ];
  for (const key of keys) expect(key).not.toMatch(/prod|db|password|eu/);
  expect(lockKey("ab", "c")).not.toBe(lockKey("a", "bc"));
  expect(lockKey("a", "b")).toBe(lockKey("a", "b"));
});

test("a member reads back as what it was made of, and anything else as nothing", () => {
  expect(parseMember(memberOf(DESTINATION, KEY))).toEqual({ destination: DESTINATION, key: KEY });
  for (const member of ["", "a", "a.b.c"]) expect(parseMember(member)).toBeUndefined();
});
