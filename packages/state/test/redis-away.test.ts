// Hazards redis-away, redis-flush-mid-run, redis-evicts: without Redis every call fails soon and says why; with Redis
// back everything works again, whatever it has forgotten.
import { SecretValue } from "@keyferry/ports";
import { Canary, eventually } from "@keyferry/testkit";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { connectState, type State } from "../src/index.ts";
import { connected, optionsFor, startWorld } from "./world.ts";

const DESTINATION = "abcdefghijklmn";
const KEY = "abcdefghijklmnopqrstuvwxyz";
const VAULT = { host: "kv.vault.azure.net" };
const fence = { epoch: 1, sequence: 1 };

/** One call of each part. */
function everything(state: State): (() => Promise<unknown>)[] {
  return [
    () => state.check(),
    () => state.locks.take(VAULT.host, "a", 1_000),
    () => state.records.get(DESTINATION, KEY),
    () => state.pacing.take(VAULT, "create", "live"),
    () => state.later.park(DESTINATION, KEY, 1),
    () => state.later.claimDue(2, 10, 1_000),
    () => state.attempts.count(DESTINATION, KEY, fence),
  ];
}

async function allWork(state: State): Promise<void> {
  for (const call of everything(state)) await call();
}

async function allFail(state: State): Promise<void> {
  for (const call of everything(state))
    await expect(call()).rejects.toMatchObject({ code: "state-unreachable" });
}

test("killed, Redis is missed at once; started again, it is used again though it forgot scripts and data", async () => {
  await using world = await startWorld();
  await allWork(world.state);
  await world.server.kill();
  await eventually(() => !world.state.status().connected, { what: "the loss is noticed" });
  expect(world.state.status().why).toMatch(/\S/);
  await allFail(world.state);
  await world.server.start();
  await connected(world.state);
  await allWork(world.state);
});

test("stopped in mid-air, Redis is missed too: no call hangs", async () => {
  await using world = await startWorld();
  await world.server.pause();
  await Promise.all(
    everything(world.state).map((call) =>
      expect(call()).rejects.toMatchObject({ code: "state-unreachable" }),
    ),
  );
  await world.server.resume();
  await eventually(() => allWork(world.state).then(() => true), { what: "it works again" });
});

test("nobody there from the beginning: the state is there at once, and connects when Redis comes", async () => {
  await using world = await startWorld();
  await world.server.kill();
  const state = await connectState(optionsFor(world.server.url));
  expect(state.status().connected).toBe(false);
  await allFail(state);
  await world.server.start();
  await connected(state);
  await allWork(state);
  await state.close();
});

test("after FLUSHALL and SCRIPT FLUSH everything works as on the first day", async () => {
  await using world = await startWorld();
  const { state } = world;
  const lock = await state.locks.take(VAULT.host, "a", 60_000);
  await allWork(state);
  await world.raw.flushall();
  await world.raw.script("FLUSH");
  expect(await state.records.get(DESTINATION, KEY)).toBeUndefined();
  expect(await state.attempts.count(DESTINATION, KEY, fence)).toBe(1);
  expect(lock === undefined ? "no lock" : await state.locks.extend(lock, 1_000)).toBeUndefined();
  expect(await state.locks.take(VAULT.host, "a", 1_000)).toBeDefined();
  // A lost bucket starts empty, so a flush opens no burst.
  expect((await state.pacing.take({ host: "new.vault.azure.net" }, "create", "live")).kind).toBe("wait");
});

test("a Redis that evicts is refused at the check (redis-evicts)", async () => {
  await using world = await startWorld({
    args: ["--maxmemory-policy", "allkeys-lru", "--maxmemory", "50mb"],
  });
  await expect(world.state.check()).rejects.toMatchObject({
    code: "state-evicts",
    details: { policy: "allkeys-lru" },
  });
});

test("a replica that cannot be written to, and a Redis that is full, are unreachable rather than broken", async () => {
  await using world = await startWorld();
  await using replica = await startWorld({ replicaOf: { port: world.server.port } });
  await expect(replica.state.later.park(DESTINATION, KEY, 1)).rejects.toMatchObject({
    code: "state-unreachable",
  });
  await world.raw.config("SET", "maxmemory", "1");
  await expect(world.state.later.park(DESTINATION, KEY, 1)).rejects.toMatchObject({
    code: "state-unreachable",
    details: { reason: "OOM" },
  });
});

test("a password is used, and appears in no error, status or dump", async () => {
  const canary = new Canary();
  const password = canary.value("redis-password");
  await using world = await startWorld();
  await world.raw.config("SET", "requirepass", password);
  const { port } = world.server;
  const state = await connectState(optionsFor(`redis://127.0.0.1:${port}`));
  const right = await connectState({
    ...optionsFor(""),
    url: new SecretValue(`redis://:${password}@127.0.0.1:${port}`),
  });
  await connected(right);
  await allWork(right);
  const error = await state.later.park(DESTINATION, KEY, 1).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "state-unreachable" });
  await expect(connectState(optionsFor(`http://:${password}@127.0.0.1:${port}`))).rejects.toMatchObject({
    code: "config-invalid",
  });
  const bad = await connectState(optionsFor(`http://:${password}@127.0.0.1:${port}`)).catch(
    (thrown: unknown) => thrown,
  );
  const shown = [error, bad, state.status(), right.status()].map((thing) =>
    inspect(thing, { depth: 9, showHidden: true }),
  );
  expect(canary.searchText(shown.join("\n") + JSON.stringify([error, bad]))).toEqual([]);
  await state.close();
  await right.close();
});
