// A destination that refuses or is away: few calls, nobody else waits, and all is made up for when it is back.
import { DEFAULT_CLIENT_ID } from "@keyferry/key-vault-emulator";
import { eventually } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Pair, type SinkBench, startSinkBench } from "./support/sink-bench.ts";

const COMMANDS = 200;
/** As many as a sink has in hand by default, and more. */
const CONCURRENCY = 32;
const NAME = "{{ .SecretBaseName }}";

let bench: SinkBench;

beforeAll(async () => {
  bench = await startSinkBench();
});

afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

/** Runs the newest command of each pair, as consumers do. */
async function consume(pairs: readonly Pair[]): Promise<void> {
  const queue = [...pairs];
  const worker = async (): Promise<void> => {
    for (let pair = queue.shift(); pair !== undefined; pair = queue.shift()) await bench.sync(pair);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}

async function outcomesOf(pairs: readonly Pair[]): Promise<Record<string, number>> {
  const records = await Promise.all(pairs.map(async (pair) => bench.record(await bench.command(pair))));
  const counts: Record<string, number> = {};
  for (const { outcome } of records) {
    const kind = outcome?.kind ?? "none";
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

test("permission-granted-later: 200 commands at a vault that answers 403 cost a handful of calls", async () => {
  const { emulator } = bench.servers;
  const base = bench.pair(NAME);
  const pairs = bench.siblings(base, COMMANDS);
  await Promise.all(pairs.map((pair) => bench.write(pair, { a: pair.path })));
  emulator.access.grant(DEFAULT_CLIENT_ID, { model: "rbac", actions: [] }, base.vault);
  const other = bench.pair();
  await bench.write(other, { a: "1" });
  const [, record] = await Promise.all([consume(pairs), bench.sync(other)]);
  // Another destination does not notice.
  expect(record.outcome).toMatchObject({ kind: "synced" });
  expect(await outcomesOf(pairs)).toEqual({ waiting: COMMANDS });
  const calls = Object.values(bench.calls(base)).reduce((sum, count) => sum + count, 0);
  expect(calls).toBeGreaterThan(0);
  expect(calls).toBeLessThan(10);
  const last = await bench.record(await bench.command(pairs[COMMANDS - 1] ?? base));
  expect(last.outcome).toMatchObject({ error: { code: "vault-denied", class: "client-side" } });

  emulator.access.grant(DEFAULT_CLIENT_ID, { model: "all" }, base.vault);
  // The longest first pause; what the probe's success wakes does not wait for its own time.
  bench.advance(4_000);
  await eventually(
    async () => {
      await bench.wakeDue();
      bench.advance(1_000);
      return (await outcomesOf(pairs))["synced"] === COMMANDS;
    },
    { what: "all 200 to be synced", timeoutMs: 90_000 },
  );
  expect(bench.servers.emulator.oracle.effects({ vault: base.vault, kind: "set" })).toHaveLength(COMMANDS);
}, 240_000);

test("a role that may not delete keeps deletes waiting, and no put", async () => {
  const base = bench.pair(NAME);
  const [first, ...removed] = bench.siblings(base, 6);
  if (first === undefined) throw new Error("no pairs");
  await Promise.all([first, ...removed].map((pair) => bench.write(pair, { a: "1" })));
  await consume([first, ...removed]);
  const denied = { kind: "error", status: 403, code: "Forbidden", innerCode: "ForbiddenByRbac" } as const;
  bench.servers.emulator.faults.add({ fault: denied, operations: ["delete"], vault: base.vault });
  const unsync = { op: "unsync", expect: null, permit: { by: "person" }, reason: "remove" } as const;
  for (const pair of removed) await bench.sync(pair, unsync);
  expect(bench.calls(base)["delete"]).toBe(3);
  await bench.write(first, { a: "2" });
  expect((await bench.sync(first)).outcome).toMatchObject({ kind: "synced", version: 2 });
});
