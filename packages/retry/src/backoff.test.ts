import * as fc from "fast-check";
import { expect, test } from "vitest";
import { backoffMs, SERVER_AWAY } from "./backoff.ts";

const policy = { firstMs: 100, capMs: 1_000, factor: 2 };
const always = (fraction: number) => ({ fraction: () => fraction });
const JUST_BELOW_1 = 1 - Number.EPSILON;

test("the longest wait doubles with each attempt until the cap", () => {
  const longest = [1, 2, 3, 4, 5, 6, 2_000].map((attempt) =>
    backoffMs(attempt, policy, always(JUST_BELOW_1)),
  );
  expect(longest).toEqual([100, 200, 400, 800, 1_000, 1_000, 1_000]);
});

test("the jitter is full: it reaches down to no wait at all", () => {
  expect(backoffMs(5, policy, always(0))).toBe(0);
  expect(backoffMs(5, policy, always(0.5))).toBe(500);
});

test("a wait is a whole number of milliseconds from 0 to the cap, whatever the attempt and the chance", () => {
  const fraction = fc.double({ min: 0, max: JUST_BELOW_1, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e9 }), fraction, (attempt, chance) => {
      const waitMs = backoffMs(attempt, SERVER_AWAY, always(chance));
      expect(Number.isInteger(waitMs)).toBe(true);
      expect(waitMs).toBeGreaterThanOrEqual(0);
      expect(waitMs).toBeLessThanOrEqual(SERVER_AWAY.capMs);
    }),
  );
});
