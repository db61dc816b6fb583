// Writes that take effect after everybody has stopped waiting for them: found by a timed second look, repaired, counted.
import type { SyncRecord } from "@keyferry/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { SinkEvents } from "../src/events.ts";
import { type Pair, type SinkBench, silentEvents, startSinkBench } from "./support/sink-bench.ts";

const FIRST_LOOK_MS = 120_000;
const SECOND_LOOK_MS = 900_000;
const UNSYNC = { op: "unsync", expect: null, permit: { by: "person" }, reason: "remove" } as const;

let bench: SinkBench;

beforeAll(async () => {
  bench = await startSinkBench({ requestTimeoutMs: 500 });
});

afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

/** Holds the next call of this kind in front of its effect; the sink gives up on it. */
function hold(pair: Pair, operation: "set" | "update" | "delete") {
  const { faults } = bench.servers.emulator;
  return faults.add({ fault: { kind: "hold" }, operations: [operation], vault: pair.vault, count: 1 });
}

/** Lets the held call take effect. */
async function land(pair: Pair, rule: ReturnType<typeof hold>): Promise<void> {
  const before = bench.servers.emulator.oracle.effects({ vault: pair.vault }).length;
  expect(rule.held).toBe(1);
  rule.release();
  await expect
    .poll(() => bench.servers.emulator.oracle.effects({ vault: pair.vault }).length)
    .toBe(before + 1);
}

/** Wakes what is due and gives the late writes that were found. */
async function wake(): Promise<Parameters<SinkEvents["lateWrite"]>[0][]> {
  const found: Parameters<SinkEvents["lateWrite"]>[0][] = [];
  await bench.wakeDue({ events: { ...silentEvents, lateWrite: (event) => found.push(event) } });
  return found;
}

function tagsOf(pair: Pair): Readonly<Record<string, string>> | undefined {
  return bench.servers.emulator.state(pair.vault)[0]?.versions.at(-1)?.tags;
}

/** A put of version 1 that is held, given up, and written again. */
async function putTwice(pair: Pair): Promise<{ rule: ReturnType<typeof hold>; record: SyncRecord }> {
  await bench.write(pair, { a: "1" });
  const rule = hold(pair, "set");
  const waiting = await bench.sync(pair);
  expect(waiting.outcome).toMatchObject({ kind: "waiting", error: { code: "answer-lost" } });
  return { rule, record: await bench.wakeUntil(waiting, "synced") };
}

test("late-put-after-lock: a write that lands over a newer one is found, repaired and counted", async () => {
  const pair = bench.pair();
  const { rule, record } = await putTwice(pair);
  expect(record.verify).toMatchObject([{ name: "app", action: "put" }]);
  expect(record.verify?.[0]?.at).toHaveLength(2);
  await bench.write(pair, { a: "2" });
  await bench.sync(pair);
  await land(pair, rule);
  expect(bench.value(pair)).toBe('{"a":"1"}');

  bench.advance(FIRST_LOOK_MS);
  expect(await wake()).toMatchObject([{ name: "app", action: "put", finding: "overwritten" }]);
  expect(bench.value(pair)).toBe('{"a":"2"}');
  // The first version twice, the second, and the repair.
  expect(bench.writes(pair)).toBe(4);
  const repaired = await bench.record(record);
  expect(repaired).toMatchObject({ outcome: { kind: "synced", version: 2, wrote: true }, verify: [] });
});

test("a second look that finds nothing reads once, changes nothing, and is made twice", async () => {
  const pair = bench.pair();
  const { rule, record } = await putTwice(pair);
  const before = bench.calls(pair);
  bench.advance(FIRST_LOOK_MS);
  expect(await wake()).toEqual([]);
  expect((await bench.record(record)).verify?.[0]?.at).toHaveLength(1);
  bench.advance(SECOND_LOOK_MS);
  expect(await wake()).toEqual([]);
  expect(await bench.record(record)).toMatchObject({ outcome: { kind: "synced" }, verify: [] });
  expect(bench.calls(pair)).toEqual({ ...before, listVersions: (before["listVersions"] ?? 0) + 2 });
  expect(bench.writes(pair)).toBe(1);
  rule.remove();
});

test("late-delete-after-lock: a delete that lands on a name that is wished again is undone", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  const rule = hold(pair, "delete");
  expect((await bench.sync(pair, UNSYNC)).outcome).toMatchObject({ error: { code: "answer-lost" } });
  const record = await bench.sync(pair, { reason: "set" });
  await bench.wakeUntil(record, "synced");
  await land(pair, rule);
  expect(bench.value(pair)).toBeUndefined();

  bench.advance(FIRST_LOOK_MS);
  expect(await wake()).toMatchObject([{ action: "delete", finding: "removed" }]);
  await bench.wakeUntil(record, "synced");
  expect(bench.value(pair)).toBe('{"a":"1"}');
});

test("a late put that brings a removed secret to life is deleted", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  const rule = hold(pair, "set");
  await bench.sync(pair);
  const record = await bench.sync(pair, UNSYNC);
  await bench.wakeUntil(record, "unsynced");
  await land(pair, rule);
  expect(bench.value(pair)).toBe('{"a":"1"}');

  bench.advance(FIRST_LOOK_MS);
  expect(await wake()).toMatchObject([{ action: "put", finding: "appeared" }]);
  expect(bench.value(pair)).toBeUndefined();
  expect((await bench.record(record)).outcome).toMatchObject({ kind: "unsynced", wrote: true });
});

test("a late patch is undone by a patch: no new version", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  const spec = (team: string) => ({ spec: { ...pair.destination.spec, customTags: { team } } });
  const rule = hold(pair, "update");
  await bench.sync(pair, spec("blue"));
  const record = await bench.sync(pair, spec("green"));
  await bench.wakeUntil(record, "synced");
  await land(pair, rule);
  expect(tagsOf(pair)).toMatchObject({ team: "blue" });

  bench.advance(FIRST_LOOK_MS);
  expect(await wake()).toMatchObject([{ action: "patch", finding: "retagged" }]);
  expect(tagsOf(pair)).toMatchObject({ team: "green" });
  expect(bench.writes(pair)).toBe(1);
});

test("the looks outlive Redis: the next command of the pair makes the one that is due", async () => {
  const pair = bench.pair();
  const { rule, record } = await putTwice(pair);
  await bench.write(pair, { a: "2" });
  await bench.sync(pair);
  await land(pair, rule);
  await bench.servers.redis.kill();
  await bench.servers.redis.restart();
  await expect.poll(() => bench.state.status().connected).toBe(true);
  bench.advance(FIRST_LOOK_MS);
  expect(await wake()).toEqual([]);
  await bench.sync(pair, { reason: "settle" });
  expect(bench.value(pair)).toBe('{"a":"2"}');
  expect(await bench.record(record)).toMatchObject({ outcome: { kind: "synced" }, verify: [] });
});
