import { expect, test } from "vitest";
import { OPERATIONS } from "../wire/route.ts";
import { AZURE_LIMITS, RateLimits, bucketOf } from "./rate-limits.ts";

test("only what makes versions is a create", () => {
  expect(OPERATIONS.filter((operation) => bucketOf(operation) === "create")).toEqual(["set", "restore"]);
});

test("a call that the vault refuses takes no room of the group", () => {
  const limits = new RateLimits({ ...AZURE_LIMITS, vaultCreates: 1, groupCreates: 2 });
  limits.admit("a", "g", "set", 0);
  expect(limits.admit("a", "g", "set", 0)).toMatchObject({ kind: "throttled", scope: "vault" });
  expect(limits.admit("b", "g", "set", 0)).toEqual({ kind: "admitted" });
  expect(limits.admit("c", "g", "set", 0)).toMatchObject({ kind: "throttled", scope: "group" });
});

test("groups do not share", () => {
  const limits = new RateLimits({ ...AZURE_LIMITS, groupCreates: 1 });
  limits.admit("a", "one", "set", 0);
  expect(limits.admit("b", "two", "set", 0)).toEqual({ kind: "admitted" });
});

test("off lets everything in", () => {
  const limits = new RateLimits("off");
  for (let call = 0; call < 10_000; call += 1) limits.admit("a", "g", "set", 0);
  expect(limits.admit("a", "g", "set", 0)).toEqual({ kind: "admitted" });
});

test("Azure's figures are the documented ones", () => {
  expect(AZURE_LIMITS).toMatchObject({ windowMs: 10_000, vaultCreates: 300, vaultOthers: 4_000 });
  expect(AZURE_LIMITS.groupCreates).toBe(AZURE_LIMITS.vaultCreates * 5);
  expect(AZURE_LIMITS.groupOthers).toBe(AZURE_LIMITS.vaultOthers * 5);
});
