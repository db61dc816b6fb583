import { expect, test } from "vitest";
import { combine, isReached, type Reading } from "./figure.ts";

const reading = (value: number, baseline: number): Reading => ({
  what: "latency",
  unit: "ms",
  value,
  baseline: { what: "script", value: baseline },
  aim: { is: "at-most", limit: 2 },
});

test("the median is by ratio, and value and baseline stay together", () => {
  const [figure] = combine([[reading(10, 2)], [reading(9, 9)], [reading(30, 15)]]);
  expect(figure).toMatchObject({ value: 30, baseline: { value: 15 }, spread: [9, 30], runs: 3 });
});

test("a figure is reached by its ratio", () => {
  const [near, far] = [combine([[reading(4, 2)]])[0], combine([[reading(5, 2)]])[0]];
  expect([near && isReached(near), far && isReached(far)]).toEqual([true, false]);
});
