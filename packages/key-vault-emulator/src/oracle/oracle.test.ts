import { expect, test } from "vitest";
import { BoundedLog } from "./bounded-log.ts";
import { Oracle } from "./oracle.ts";

function putAt(oracle: Oracle, atMs: number, more: { hadToken?: boolean; leak?: boolean } = {}): void {
  const record = oracle.open({
    atMs,
    vault: "v",
    method: "PUT",
    operation: "set",
    name: "n",
    version: undefined,
    principal: undefined,
    hadToken: true,
    bodyBytes: 1,
    leak: false,
    clientRequestId: undefined,
    ...more,
  });
  oracle.finish(record, 200);
}

test("the most creates within a span are counted over any span, not from the start", () => {
  const oracle = new Oracle(100);
  for (const at of [0, 9_000, 9_500, 10_000, 10_500, 18_999, 30_000]) putAt(oracle, at);
  expect(oracle.mostCreatesWithin("v", 10_000)).toBe(5);
});

test("challenges are no creates", () => {
  const oracle = new Oracle(100);
  putAt(oracle, 0, { hadToken: false });
  putAt(oracle, 1);
  expect(oracle.mostCreatesWithin("v", 10_000)).toBe(1);
});

test("leaks are counted and can be looked at", () => {
  const oracle = new Oracle(100);
  putAt(oracle, 0, { hadToken: false, leak: true });
  putAt(oracle, 1);
  expect(oracle.snapshot().leaks).toBe(1);
  expect(oracle.leaks()).toHaveLength(1);
});

test("a full log keeps the newest, and says how many it dropped", () => {
  const log = new BoundedLog<number>(3);
  for (let at = 1; at <= 10; at += 1) log.push(at);
  const kept = log.filter(() => true);
  expect(kept.at(-1)).toBe(10);
  expect(kept.length).toBeGreaterThanOrEqual(3);
  expect(kept.length + log.dropped).toBe(10);
});
