import { expect, test } from "vitest";
import { FaultInjector, seededDraw } from "./rules.ts";
import type { FaultRule } from "./rules.ts";

const nothing = (): void => undefined;
const TARGET = { operation: "set", vault: "v", name: "n" } as const;

function hits(rule: FaultRule, calls: number): boolean[] {
  const injector = new FaultInjector(nothing, nothing);
  injector.add(rule);
  return Array.from({ length: calls }, () => injector.pick(TARGET).length > 0);
}

test("skip and count say which calls are hit", () => {
  expect(hits({ fault: { kind: "hold" }, skip: 1, count: 2 }, 5)).toEqual([false, true, true, false, false]);
});

test("a seed gives the same calls each time, another seed others", () => {
  const rule = { fault: { kind: "hold" }, probability: 0.5 } as const;
  expect(hits({ ...rule, seed: 1 }, 64)).toEqual(hits({ ...rule, seed: 1 }, 64));
  expect(hits({ ...rule, seed: 1 }, 64)).not.toEqual(hits({ ...rule, seed: 2 }, 64));
});

test("draws are spread evenly over 0 to 1", () => {
  const draw = seededDraw(3);
  const draws = Array.from({ length: 10_000 }, draw);
  expect(Math.min(...draws)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...draws)).toBeLessThan(1);
  expect(draws.filter((one) => one < 0.25).length / draws.length).toBeCloseTo(0.25, 1);
});

test("a pattern that is no regular expression is refused when it is added", () => {
  const injector = new FaultInjector(nothing, nothing);
  expect(() => injector.add({ fault: { kind: "hold" }, namePattern: "(" })).toThrow(SyntaxError);
  expect(injector.list()).toEqual([]);
});

test("who waits at a rule goes on when it is removed", async () => {
  const injector = new FaultInjector(nothing, nothing);
  const handle = injector.add({ fault: { kind: "hold" } });
  const [rule] = injector.pick(TARGET);
  const waited = rule?.wait();
  expect(handle.held).toBe(1);
  handle.remove();
  await waited;
  expect(handle.held).toBe(0);
});

test("a release lets go of the oldest first", async () => {
  const injector = new FaultInjector(nothing, nothing);
  const handle = injector.add({ fault: { kind: "hold" } });
  const order: string[] = [];
  const wait = async (name: string): Promise<void> => {
    await injector.pick(TARGET)[0]?.wait();
    order.push(name);
  };
  const both = [wait("first"), wait("second")];
  handle.release(1);
  await both[0];
  expect([order, handle.held]).toEqual([["first"], 1]);
  handle.release();
  await both[1];
});
