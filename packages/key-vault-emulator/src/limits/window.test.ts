import * as fc from "fast-check";
import { expect, test } from "vitest";
import { FixedWindow, SlidingWindow } from "./window.ts";
import type { RateWindow } from "./window.ts";

function take(window: RateWindow, nowMs: number): boolean {
  if (!window.fits(nowMs)) return false;
  window.count(nowMs);
  return true;
}

test("a sliding window takes as many as its limit, and one more when the first is a window old", () => {
  const window = new SlidingWindow(2, 1_000);
  expect([take(window, 0), take(window, 600), take(window, 999)]).toEqual([true, true, false]);
  expect([take(window, 1_000), take(window, 1_599), take(window, 1_600)]).toEqual([true, false, true]);
});

test("a fixed window starts anew at multiples of its length", () => {
  const window = new FixedWindow(2, 1_000);
  expect([take(window, 900), take(window, 999), take(window, 999)]).toEqual([true, true, false]);
  expect([take(window, 1_000), take(window, 1_001), take(window, 1_002)]).toEqual([true, true, false]);
});

test.each([new SlidingWindow(0, 1_000), new FixedWindow(0, 1_000)])(
  "a limit of 0 takes nothing",
  (window) => {
    expect(take(window, 5)).toBe(false);
  },
);

test("calls that are counted although they do not fit put off the next", () => {
  const window = new SlidingWindow(1, 1_000);
  window.count(0);
  window.count(800);
  expect(window.fits(1_500)).toBe(false);
  expect(window.fits(1_800)).toBe(true);
});

test("used tells what is counted in the open window", () => {
  const sliding = new SlidingWindow(5, 1_000);
  for (const at of [0, 500, 900]) sliding.count(at);
  expect([sliding.used(900), sliding.used(1_000), sliding.used(3_000)]).toEqual([3, 2, 0]);
});

const arrivals = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 200 });

test("a sliding window never lets more than its limit into any span of its length, nor less than it could", () => {
  const property = fc.property(fc.integer({ min: 1, max: 8 }), arrivals, (limit, gaps) => {
    const window = new SlidingWindow(limit, 1_000);
    const taken: number[] = [];
    let nowMs = 0;
    for (const gap of gaps) {
      nowMs += gap;
      const inWindow = taken.filter((time) => nowMs - time < 1_000).length;
      const fits = take(window, nowMs);
      expect(fits).toBe(inWindow < limit);
      if (fits) taken.push(nowMs);
    }
  });
  fc.assert(property, { seed: 7 });
});
