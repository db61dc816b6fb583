import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DeleteBudget } from "@keyferry/contracts";
import { DEFAULT_LIMITS, limitsFor, spend, SPENT_MAX } from "./spend.ts";

const EMPTY: DeleteBudget = { major: 1, spent: [] };
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW = Date.parse("2026-11-24T12:00:00Z");

describe("limits", () => {
  test.each([
    [0, 10, 10],
    [20, 10, 10],
    [100, 10, 25],
    [10_000, 1_000, 2_500],
    [1_000_000, SPENT_MAX, SPENT_MAX],
  ])("with %i associations: %i an hour, %i a day", (associations, hour, day) => {
    expect(limitsFor(DEFAULT_LIMITS, associations)).toEqual({ hour, day });
  });

  test("zeros hold every source-driven delete", () => {
    const none = { perHourMin: 0, perHourPercent: 0, perDayPercent: 0 };
    expect(spend(EMPTY, NOW, none, 100, { association: "a", fingerprint: "f" })).toMatchObject({
      kind: "refused",
    });
  });
});

function spendAll(times: readonly number[], associations: number) {
  let budget = EMPTY;
  const granted: number[] = [];
  for (const [index, at] of times.entries()) {
    const result = spend(budget, at, DEFAULT_LIMITS, associations, {
      association: `a${index}`,
      fingerprint: "f",
    });
    if (result.kind === "refused") continue;
    budget = result.budget;
    granted.push(at);
  }
  return { budget, granted };
}

test("mass-delete: of 1,000 deletes at once, a tenth is permitted", () => {
  expect(
    spendAll(
      Array.from({ length: 1_000 }, () => NOW),
      1_000,
    ).granted,
  ).toHaveLength(100);
});

test("trickle-delete: a tenth an hour does not get beyond a quarter a day", () => {
  const times = Array.from({ length: 24 }, (_, hour) =>
    Array.from({ length: 100 }, () => NOW + hour * HOUR_MS),
  );
  expect(spendAll(times.flat(), 1_000).granted).toHaveLength(250);
});

test("permit-counted-twice: a permit of the same association and state is reused, also when the budget is spent", () => {
  const { budget } = spendAll(
    Array.from({ length: 20 }, () => NOW),
    10,
  );
  const again = spend(budget, NOW, DEFAULT_LIMITS, 10, { association: "a3", fingerprint: "f" });
  expect(again).toEqual({ kind: "granted", budget, reused: true });
  expect(spend(budget, NOW, DEFAULT_LIMITS, 10, { association: "a3", fingerprint: "g" })).toMatchObject({
    kind: "refused",
    per: "day",
  });
});

test("property: no rolling hour and no rolling day holds more permits than its limit", () => {
  const times = fc.array(fc.integer({ min: 0, max: 3 * DAY_MS }), { maxLength: 200 });
  fc.assert(
    fc.property(times, fc.integer({ min: 0, max: 300 }), (offsets, associations) => {
      const sorted = offsets.map((offset) => NOW + offset).sort((a, b) => a - b);
      const { granted } = spendAll(sorted, associations);
      const { hour, day } = limitsFor(DEFAULT_LIMITS, associations);
      for (const from of granted) {
        const within = (ms: number) => granted.filter((at) => at >= from && at < from + ms).length;
        expect(within(HOUR_MS)).toBeLessThanOrEqual(hour);
        expect(within(DAY_MS)).toBeLessThanOrEqual(day);
      }
    }),
  );
});

test("property: what is kept never grows beyond a day's limit, and a refusal changes nothing", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 10 * DAY_MS }), { maxLength: 300 }), (offsets) => {
      const { budget } = spendAll(
        offsets.map((offset) => NOW + offset).sort((a, b) => a - b),
        100,
      );
      expect(budget.spent.length).toBeLessThanOrEqual(25);
    }),
  );
});
