import * as fc from "fast-check";
import { expect, test } from "vitest";
import { VirtualClock } from "../simulated/virtual-clock.ts";
import { Alarm } from "./alarm.ts";
import { TimeHeap } from "./heap.ts";

test("a heap gives what is due in the order of its times, and nothing that is not", () => {
  for (const times of fc.sample(fc.array(fc.nat(1_000)), 500)) {
    const heap = new TimeHeap<number>();
    for (const at of times) heap.push(at, at);
    const due: number[] = [];
    for (let at = heap.popDue(500); at !== undefined; at = heap.popDue(500)) due.push(at);
    expect(due).toEqual(times.filter((at) => at <= 500).toSorted((a, b) => a - b));
    expect(heap.size).toBe(times.length - due.length);
  }
});

test("an earlier time that is set while the alarm sleeps wakes it in time", async () => {
  const clock = new VirtualClock(0);
  const fired: [string, number][] = [];
  const alarm = new Alarm<string>(clock, (name) => fired.push([name, clock.now()]));
  const abort = new AbortController();
  const running = alarm.run(abort.signal);
  alarm.set(10_000, "late");
  await clock.advance(1);
  alarm.set(50, "early");
  await clock.advance(20_000);
  abort.abort();
  await running;
  expect(fired).toEqual([
    ["early", 50],
    ["late", 10_000],
  ]);
});

test("hazard timer-beyond-24-days: no sleep is longer than an hour", async () => {
  const clock = new VirtualClock(0);
  const slept: number[] = [];
  const watched = {
    now: () => clock.now(),
    sleep(ms: number, signal?: AbortSignal) {
      slept.push(ms);
      return clock.sleep(ms, signal);
    },
  };
  const fired: number[] = [];
  const alarm = new Alarm<string>(watched, () => fired.push(clock.now()));
  const abort = new AbortController();
  const running = alarm.run(abort.signal);
  alarm.set(30 * 86_400_000, "in thirty days");
  await clock.advance(31 * 86_400_000);
  abort.abort();
  await running;
  expect(fired).toEqual([30 * 86_400_000]);
  expect(Math.max(...slept)).toBe(3_600_000);
});
