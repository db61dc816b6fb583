// lock-extend.lua, lock-release.lua and the taking of locks: one holder, and only the holder touches it.
import { expect, test } from "vitest";
import { eventually } from "@keyferry/testkit";
import { startWorld } from "./world.ts";

const HOST = "kv.vault.azure.net";

test("of many who want a name at once one gets it, and after its release the next one", async () => {
  await using world = await startWorld();
  const other = await world.connect();
  await eventually(() => other.status().connected, { what: "the second sink is connected" });
  const taken = await Promise.all(
    Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? world.state : other).locks.take(HOST, "a", 30_000)),
  );
  const [lock, ...more] = taken.filter((one) => one !== undefined);
  expect(more).toEqual([]);
  if (lock === undefined) throw new Error("nobody got it");
  expect(lock.leftMs()).toBeGreaterThan(20_000);
  expect(lock.leftMs()).toBeLessThanOrEqual(30_000);
  expect(await other.locks.release(lock)).toBe(true);
  expect(await world.state.locks.take(HOST, "a", 30_000)).toBeDefined();
});

test("names and vaults do not stand in each other's way", async () => {
  await using world = await startWorld();
  const { locks } = world.state;
  const taken = [
    await locks.take(HOST, "a", 30_000),
    await locks.take(HOST, "b", 30_000),
    await locks.take("kw.vault.azure.net", "a", 30_000),
    // Moving a character over the border of host and name is another name.
    await locks.take(`${HOST}a`, "", 30_000),
  ];
  expect(taken.every((lock) => lock !== undefined)).toBe(true);
});

test("who lost its lease can neither extend nor release what is another's now", async () => {
  await using world = await startWorld();
  const { locks } = world.state;
  const stale = await locks.take(HOST, "a", 30);
  if (stale === undefined) throw new Error("not free");
  const next = await eventually(() => locks.take(HOST, "a", 30_000), { what: "the lease ran out" });
  expect(stale.leftMs()).toBe(0);
  expect(await locks.extend(stale, 30_000)).toBeUndefined();
  expect(await locks.release(stale)).toBe(false);
  const longer = next === undefined ? undefined : await locks.extend(next, 60_000);
  expect(longer?.leftMs()).toBeGreaterThan(30_000);
  expect(longer?.token).toBe(next?.token);
  expect(await locks.take(HOST, "a", 30_000)).toBeUndefined();
});
