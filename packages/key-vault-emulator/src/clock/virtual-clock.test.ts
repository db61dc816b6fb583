import { expect, test } from "vitest";
import { VirtualClock } from "./virtual-clock.ts";

test("a frozen clock moves only when it is told to", () => {
  const clock = new VirtualClock();
  clock.freeze();
  const start = clock.nowMs();
  clock.advance(1_500);
  expect(clock.nowMs() - start).toBe(1_500);
});

test("a clock that is resumed goes on from where it stood", () => {
  const clock = new VirtualClock();
  clock.freeze();
  clock.advance(60_000);
  const stood = clock.nowMs();
  clock.resume();
  expect(clock.nowMs()).toBeGreaterThanOrEqual(stood);
  expect(clock.offsetMs).toBeGreaterThan(50_000);
});

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])("it cannot be advanced by %d", (ms) => {
  expect(() => new VirtualClock().advance(ms)).toThrow(RangeError);
});

test("going on to a time that has passed does nothing", () => {
  const clock = new VirtualClock();
  clock.freeze();
  const now = clock.nowMs();
  clock.advanceTo(now - 1_000);
  expect(clock.nowMs()).toBe(now);
});
