// A pause stops the writes of a real consumer within moments, loses nothing, and ends at once.
import { PAUSES_KEY } from "@keyferry/bus";
import type { PausesRecord } from "@keyferry/contracts";
import { eventually } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { publishAll, startConsumingSink } from "./support/consuming-sink.ts";
import { type Pair, type SinkBench, startSinkBench } from "./support/sink-bench.ts";

const PAUSE = { since: "2026-11-24T00:00:00Z", reason: "a move of the vault" };
const COUNT = 60;

let bench: SinkBench;

beforeAll(async () => {
  bench = await startSinkBench();
});

afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

async function setPauses(over: Partial<PausesRecord>): Promise<void> {
  const { revision } = await bench.bus.pauses.read(PAUSES_KEY);
  const record = { major: 1 as const, all: null, destinations: {}, associations: {}, ...over };
  await bench.bus.pauses.put(PAUSES_KEY, record, revision);
}

const written = (pair: Pair): number =>
  bench.servers.emulator.oracle.effects({ vault: pair.vault, kind: "set" }).length;

test.each(["everything", "its destination"] as const)(
  "a pause of %s stops the writes, and all that waited is written when it ends",
  async (what) => {
    const base = bench.pair("{{ .SecretBaseName }}");
    const pairs = bench.siblings(base, COUNT);
    await setPauses({});
    await using sink = await startConsumingSink(bench, pairs);
    const pause =
      what === "everything" ? { all: PAUSE } : { destinations: { [base.destination.uid]: PAUSE } };
    // In the midst of the work: the vault's rate lets through some 30 a second.
    await publishAll(bench, pairs);
    await eventually(() => written(base) > 3, { what: "the first writes" });
    await setPauses(pause);
    // What is under way ends, what was taken goes back, and nothing is taken: then nobody is left who could write.
    await eventually(() => sink.isIdle(), { what: "no more writes", timeoutMs: 5_000 });
    expect(written(base)).toBeLessThan(COUNT);
    await setPauses({});
    await eventually(() => written(base) === COUNT, { what: "all to be written", timeoutMs: 20_000 });
  },
  60_000,
);

test("a paused association waits with its reason, another of the same vault does not, and a resume is at once", async () => {
  const base = bench.pair("{{ .SecretBaseName }}");
  const [held = base, free = base] = bench.siblings(base, 2);
  await bench.write(held, { a: "1" });
  const command = await bench.command(held);
  await setPauses({ associations: { [`${command.destination}.${command.secretKey}`]: PAUSE } });
  await using _sink = await startConsumingSink(bench, [held, free]);
  await bench.publish(command);
  await publishAll(bench, [free]);
  await eventually(() => written(base) === 1, { what: "the other one" });
  const record = await eventually(() => bench.record(command).catch(() => undefined), { what: "an outcome" });
  expect(record.outcome).toMatchObject({
    kind: "waiting",
    error: { code: "paused", message: expect.stringContaining("a move of the vault") },
  });
  await setPauses({});
  await eventually(() => written(base) === 2, { what: "the held one", timeoutMs: 5_000 });
}, 60_000);

test("nak-fills-ack-pending: a pause leaves nothing of its destination unacked", async () => {
  const base = bench.pair("{{ .SecretBaseName }}");
  const pairs = bench.siblings(base, 10);
  await setPauses({ destinations: { [base.destination.uid]: PAUSE } });
  await using _sink = await startConsumingSink(bench, pairs);
  await publishAll(bench, pairs);
  expect(await bench.bus.commands.pending(base.destination.uid, "live")).toEqual({ waiting: 10, unacked: 0 });
  await setPauses({});
  await eventually(() => written(base) === 10, { what: "all to be written", timeoutMs: 20_000 });
  await eventually(
    async () => (await bench.bus.commands.pending(base.destination.uid, "live")).unacked === 0,
    { what: "all to be acked" },
  );
}, 60_000);
