// later-claim.lua, later-unpark.lua: what waits is claimed by one at a time, and a claimer that dies loses nothing.
import { expect, test } from "vitest";
import { startWorld } from "./world.ts";

const DESTINATION = "abcdefghijklmn";
const keyOf = (letter: string): string => letter.repeat(26);
const T0 = 1_800_000_000_000;

test("items come when they are due, earliest first, up to the limit, and to one claimer only", async () => {
  await using world = await startWorld();
  const { later } = world.state;
  await later.park(DESTINATION, keyOf("a"), T0 + 3_000);
  await later.park(DESTINATION, keyOf("b"), T0 + 1_000);
  await later.park(DESTINATION, keyOf("c"), T0 + 2_000);
  expect(await later.claimDue(T0 + 999, 10, 60_000)).toEqual([]);
  const claimed = await Promise.all([
    later.claimDue(T0 + 2_500, 1, 60_000),
    later.claimDue(T0 + 2_500, 10, 60_000),
    later.claimDue(T0 + 2_500, 10, 60_000),
  ]);
  expect(claimed.flat().map(({ key }) => key)).toEqual([keyOf("b"), keyOf("c")]);
  expect(claimed.flat()[0]).toEqual({ destination: DESTINATION, key: keyOf("b"), claim: T0 + 62_500 });
});

test("a claimed item that is not unparked comes again when its claim ends", async () => {
  await using world = await startWorld();
  const { later } = world.state;
  await later.park(DESTINATION, keyOf("a"), T0);
  const [first] = await later.claimDue(T0, 10, 60_000);
  expect(await later.claimDue(T0 + 59_999, 10, 60_000)).toEqual([]);
  const [again] = await later.claimDue(T0 + 60_000, 10, 60_000);
  expect(again).toMatchObject({ key: first?.key });
  // The first claimer was only slow: its claim is over and takes nothing from the second.
  expect(await later.unpark(DESTINATION, keyOf("a"), first?.claim)).toBe(false);
  expect(await later.unpark(DESTINATION, keyOf("a"), again?.claim)).toBe(true);
  expect(await later.claimDue(T0 + 999_999, 10, 60_000)).toEqual([]);
});

test("an item that was parked anew while it was being worked on stays parked", async () => {
  await using world = await startWorld();
  const { later } = world.state;
  await later.park(DESTINATION, keyOf("a"), T0);
  const [claimed] = await later.claimDue(T0, 10, 60_000);
  await later.park(DESTINATION, keyOf("a"), T0 + 5_000);
  expect(await later.unpark(DESTINATION, keyOf("a"), claimed?.claim)).toBe(false);
  expect(await later.claimDue(T0 + 5_000, 10, 60_000)).toHaveLength(1);
});

test("without a claim an item is taken out whatever became of it, once", async () => {
  await using world = await startWorld();
  const { later } = world.state;
  await later.park(DESTINATION, keyOf("a"), T0);
  expect(await later.unpark(DESTINATION, keyOf("a"))).toBe(true);
  expect(await later.unpark(DESTINATION, keyOf("a"))).toBe(false);
  expect(await later.unpark(DESTINATION, keyOf("a"), T0)).toBe(false);
});
