// attempts-count.lua: attempts are of one command; the next command starts at one.
import { expect, test } from "vitest";
import { attemptsKey } from "../src/keys.ts";
import { startWorld } from "./world.ts";

const DESTINATION = "abcdefghijklmn";
const KEY = "abcdefghijklmnopqrstuvwxyz";

test("attempts count up per fence, start anew with another fence and after clear, and fade", async () => {
  await using world = await startWorld();
  const { attempts } = world.state;
  const fence = { epoch: 1_763_856_000_000, sequence: 12 };
  expect(await attempts.count(DESTINATION, KEY, fence)).toBe(1);
  expect(await attempts.count(DESTINATION, KEY, fence)).toBe(2);
  expect(await attempts.count(DESTINATION, KEY, { ...fence, sequence: 13 })).toBe(1);
  expect(await attempts.count(DESTINATION, KEY, { ...fence, sequence: 13 })).toBe(2);
  // (1, 23) and (12, 3) are two fences.
  expect(await attempts.count(DESTINATION, KEY, { epoch: 1, sequence: 23 })).toBe(1);
  expect(await attempts.count(DESTINATION, KEY, { epoch: 12, sequence: 3 })).toBe(1);
  expect(await world.raw.pttl(attemptsKey(DESTINATION, KEY))).toBeGreaterThan(0);
  await attempts.clear(DESTINATION, KEY);
  expect(await attempts.count(DESTINATION, KEY, { epoch: 12, sequence: 3 })).toBe(1);
});
