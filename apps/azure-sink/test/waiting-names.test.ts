// Soft delete at its worst: a name that Key Vault keeps busy for two minutes. On the vaults' own clock.
import { afterAll, beforeAll, expect, test } from "vitest";
import { type SinkBench, startSinkBench } from "./support/sink-bench.ts";

const UNSYNC = { op: "unsync", expect: null, permit: { by: "person" }, reason: "remove" } as const;

let bench: SinkBench;

beforeAll(async () => {
  bench = await startSinkBench({ softDelete: "hostile" });
  // Time passes only where the test says so: what is measured are the sink's own waits.
  bench.servers.emulator.clock.freeze();
});

afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

test("name-waits-alone: while one name is recovering for two minutes, every other is written", async () => {
  const [slow, ...others] = bench.siblings(bench.pair("{{ .SecretBaseName }}"), 11);
  if (slow === undefined) throw new Error("no pairs");
  await bench.write(slow, { a: "1" });
  await bench.sync(slow);
  await bench.sync(slow, UNSYNC);
  let record = await bench.sync(slow, { reason: "set" });
  expect(record.outcome).toMatchObject({ kind: "waiting", error: { code: "vault-conflict" } });

  // One at a time, as they come: each is done at once, without a second look at the slow one.
  for (const pair of others) {
    await bench.write(pair, { a: "1" });
    expect((await bench.sync(pair)).outcome).toMatchObject({ kind: "synced" });
  }

  const waits: number[] = [];
  const startedMs = bench.servers.emulator.clock.nowMs();
  for (let wakes = 0; record.outcome?.kind === "waiting" && wakes < 60; wakes += 1) {
    const waitMs = record.outcome.until - Date.parse(record.updatedAt);
    waits.push(waitMs);
    bench.advance(waitMs);
    await bench.wakeDue();
    record = await bench.record(record);
  }
  expect(record.outcome).toMatchObject({ kind: "synced" });
  expect(bench.value(slow, slow.path)).toBe('{"a":"1"}');
  expect(waits.slice(0, 5)).toEqual([2_000, 5_000, 10_000, 15_000, 15_000]);
  const busyMs = bench.servers.emulator.clock.nowMs() - startedMs;
  expect(busyMs).toBeGreaterThan(120_000);
  // Seen at most one wait after it was free, in a handful of probes.
  expect(waits.length).toBeLessThan(25);
});
