// What a sync meets in a vault of somebody else's: crashes at any step, roles that lack a right, tokens that are
// challenged, secrets that are gone already, wishes that change faster than they are carried out.
import { DEFAULT_CLIENT_ID } from "@keyferry/key-vault-emulator";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mortal } from "./support/mortal.ts";
import { type Pair, type SinkBench, startSinkBench } from "./support/sink-bench.ts";

let bench: SinkBench;

beforeAll(async () => {
  bench = await startSinkBench();
});

afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

const REMOVE = { op: "unsync", expect: null, permit: { by: "person" }, reason: "remove" } as const;

/** Steps of a first write: metadata, look, intent, value, write, outcome; a few more are harmless. */
const STEPS = Array.from({ length: 8 }, (_, index) => index + 1);

test.each(STEPS.flatMap((step) => [false, true].map((afterEffect) => ({ step, afterEffect }))))(
  "a sink that dies at step $step (after its effect: $afterEffect) leaves one version, and the next one ends the same",
  async (death) => {
    const pair = bench.pair();
    await bench.write(pair, { a: "1" });
    const command = await bench.command(pair);
    const sequence = await bench.publish(command);
    await bench.run(command, sequence, { deps: mortal(bench.dependencies(), death) }).catch(() => undefined);
    await bench.run(command, sequence);
    await bench.wakeUntil(command, "synced");
    expect(bench.value(pair)).toBe('{"a":"1"}');
    expect(bench.writes(pair)).toBe(1);
  },
  30_000,
);

test("a role without the right to update is told which right it lacks, and nothing is written in its place", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  const actions = ["readMetadata", "setSecret"] as const;
  bench.servers.emulator.access.grant(DEFAULT_CLIENT_ID, { model: "rbac", actions }, pair.vault);
  const spec = { ...pair.destination.spec, customTags: { team: "blue" } };
  const record = await bench.sync(pair, { spec });
  expect(record.outcome).toMatchObject({
    kind: "waiting",
    error: { code: "vault-denied", message: expect.stringMatching(/patch|update/i) },
  });
  expect(bench.writes(pair)).toBe(1);
});

test("a role without the right to recover is told so, and the name waits for it", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  await bench.sync(pair, REMOVE);
  const actions = ["readMetadata", "setSecret", "delete"] as const;
  bench.servers.emulator.access.grant(DEFAULT_CLIENT_ID, { model: "rbac", actions }, pair.vault);
  const { secretKey, destination } = await bench.sync(pair, { reason: "set" });
  bench.advance(60_000);
  await bench.wakeDue();
  const record = await bench.record({ secretKey, destination });
  expect(record.outcome).toMatchObject({
    kind: "waiting",
    error: { code: "vault-denied", message: expect.stringMatching(/recover/i) },
  });
});

test("a claims challenge in the midst of a write is answered with a new token, and the value goes once", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  const { faults, oracle } = bench.servers.emulator;
  const rule = faults.add({ fault: { kind: "claims-challenge" }, operations: ["set"], vault: pair.vault });
  await bench.write(pair, { a: "2" });
  const record = await bench.sync(pair);
  rule.remove();
  if (record.outcome?.kind !== "synced") await bench.wakeUntil(record, "synced");
  expect(bench.value(pair)).toBe('{"a":"2"}');
  expect(bench.writes(pair)).toBe(2);
  expect(oracle.leaks()).toEqual([]);
});

test("an unsync of what somebody has deleted already is done: 404 is success", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  await bench.keyVault(pair).delete("app", { signal: AbortSignal.timeout(10_000) });
  bench.advance(10_000);
  const record = await bench.sync(pair, REMOVE);
  expect(record.outcome).toMatchObject({ kind: "unsynced", wrote: false });
});

test("a removal that is taken back before it was carried out costs nothing", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  const calls = bench.calls(pair);
  const removal = await bench.command(pair, REMOVE);
  const removed = await bench.publish(removal);
  const again = await bench.command(pair, { reason: "set" });
  const set = await bench.publish(again);
  await bench.run(removal, removed);
  await bench.run(again, set);
  const { delete: deletes, set: sets } = bench.calls(pair);
  expect([deletes, sets]).toEqual([calls["delete"], calls["set"]]);
  expect(bench.value(pair)).toBe('{"a":"1"}');
});

test("a soft-deleted secret of ours comes back by recover and write; nothing is ever purged", async () => {
  const pair: Pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  await bench.sync(pair, REMOVE);
  await bench.wakeUntil(await bench.sync(pair, { reason: "set" }), "synced");
  const { recover, purge } = bench.calls(pair);
  expect(recover).toBe(1);
  expect(purge).toBeUndefined();
  expect(bench.secret(pair)?.versions).toHaveLength(2);
}, 30_000);
