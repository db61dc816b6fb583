// Sinks that share the destinations' consumers: they come and go, Redis forgets everything in the midst of a run, and
// every change still makes one version.
import { eventually } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { publishAll, startConsumingSink } from "./support/consuming-sink.ts";
import { flushRedis } from "./support/flush-redis.ts";
import { type Pair, type SinkBench, startSinkBench } from "./support/sink-bench.ts";

const NAME = "{{ .SecretBaseName }}";

let bench: SinkBench;

beforeAll(async () => {
  bench = await startSinkBench();
});

afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

/** Many vaults, as the rate of one is limited. */
function spread(vaults: number, perVault: number): readonly Pair[] {
  return Array.from({ length: vaults }, () => bench.siblings(bench.pair(NAME), perVault)).flat();
}

const vaultsOf = (pairs: readonly Pair[]): readonly string[] => [...new Set(pairs.map(({ vault }) => vault))];

const writesIn = (pairs: readonly Pair[]): number =>
  vaultsOf(pairs).reduce(
    (sum, vault) => sum + bench.servers.emulator.oracle.effects({ vault, kind: "set" }).length,
    0,
  );

async function unackedOf(pairs: readonly Pair[]): Promise<number> {
  let unacked = 0;
  for (const uid of new Set(pairs.map(({ destination }) => destination.uid))) {
    unacked += (await bench.bus.commands.pending(uid, "live")).unacked;
  }
  return unacked;
}

test("redis-flush-mid-run: with Redis emptied in the midst of 1,000 secrets there is no extra version", async () => {
  const pairs = spread(20, 50);
  await publishAll(bench, pairs);
  {
    await using _one = await startConsumingSink(bench, pairs, { concurrency: 2 });
    await using _two = await startConsumingSink(bench, pairs, { concurrency: 2 });
    await eventually(() => writesIn(pairs) >= 400, { what: "a part to be written", timeoutMs: 200_000 });
    await flushRedis(new URL(bench.servers.redis.url));
    await eventually(() => writesIn(pairs) >= 1_000, { what: "all to be written", timeoutMs: 200_000 });
    await eventually(async () => (await unackedOf(pairs)) === 0, {
      what: "all to be acked",
      timeoutMs: 50_000,
    });
  }
  // And once more by their commands, with nothing in Redis: all of them are known to be done.
  await bench.wakeDue();
  expect(writesIn(pairs)).toBe(1_000);
  for (const pair of pairs)
    expect(bench.value(pair, pair.path)).toBe(JSON.stringify({ a: `v ${pair.path}` }));
}, 600_000);

test("stop-leaves-unacked: sinks that come and go lose nothing, double nothing and leave nothing unacked", async () => {
  const pairs = spread(4, 30);
  const first = await startConsumingSink(bench, pairs);
  await publishAll(bench, pairs);
  const second = await startConsumingSink(bench, pairs);
  await eventually(() => writesIn(pairs) >= 20, { what: "some to be written" });
  // Stopped in order in the midst of its work: what it had in hand is done, what it had not begun is somebody else's.
  await first[Symbol.asyncDispose]();
  const third = await startConsumingSink(bench, pairs);
  await eventually(() => writesIn(pairs) >= 60, { what: "half to be written", timeoutMs: 50_000 });
  await second[Symbol.asyncDispose]();
  // Well inside the minute after which JetStream itself would hand them out again.
  await eventually(() => writesIn(pairs) >= 120, { what: "all to be written", timeoutMs: 50_000 });
  await third[Symbol.asyncDispose]();
  expect(await unackedOf(pairs)).toBe(0);
  expect(writesIn(pairs)).toBe(120);
}, 240_000);
