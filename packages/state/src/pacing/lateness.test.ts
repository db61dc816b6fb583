import { expect, test } from "vitest";
import { Lateness } from "./lateness.ts";

const lateOnes = (lags: readonly number[]): number[] => {
  const lateness = new Lateness();
  return lags.filter((lag) => lateness.isLate(lag));
};

test("tokens that a cold process uses late are late, and those after it are not", () => {
  expect(lateOnes([900, 865, 830, 240, 190, 60, 20, 20])).toEqual([900, 865, 830, 240]);
});

test("a vault that is far away is not late once that is known", () => {
  const far = Array.from({ length: 100 }, () => 400);
  expect(lateOnes(far)).toHaveLength(32);
});

test("a stall among prompt uses is late", () => {
  const prompt = Array.from({ length: 40 }, () => 30);
  expect(lateOnes([...prompt, 1_000, 960, ...prompt])).toEqual([1_000, 960]);
});
