// A Redis Cluster: the keys of each script lie on one node, every part works whatever the slot, and a node that dies
// takes its slots along and no more.
import { eventually } from "@keyferry/testkit";
import { expect, test } from "vitest";
import { connectState, type State } from "../src/index.ts";
import { startCluster } from "./redis-modes.ts";
import { connected, optionsFor } from "./world.ts";

const KEYS = 60;
const fence = { epoch: 1, sequence: 1 };
const keyOf = (index: number): string =>
  `${index}`.replaceAll(/\d/g, (digit) => "abcdefghij"[Number(digit)] ?? "a").padStart(26, "k");

/** One call of each part for one of many keys. */
async function everything(state: State, index: number): Promise<void> {
  const [destination, key] = ["abcdefghijklmn", keyOf(index)];
  const vault = { host: `kv-${index}.vault.azure.net` };
  const lock = await state.locks.take(vault.host, "a", 60_000);
  if (lock === undefined) throw new Error("the lock was not free");
  expect(await state.locks.extend(lock, 30_000)).toBeDefined();
  expect(await state.locks.release(lock)).toBe(true);
  expect(await state.attempts.count(destination, key, fence)).toBe(1);
  await state.attempts.clear(destination, key);
  await state.later.park(destination, key, 1);
  expect(await state.later.unpark(destination, key)).toBe(true);
  expect(await state.records.get(destination, key)).toBeUndefined();
  // A vault's bucket and its group's lie together, with the pause.
  const signal = AbortSignal.timeout(20_000);
  const grant = await state.pacing.acquire({ ...vault, rateGroup: "west" }, "create", "live", signal);
  await state.pacing.throttled(grant);
  await state.pacing.giveBack(await state.pacing.acquire(vault, "other", "bulk", signal));
}

test("every part works on a Cluster, for keys of every node", async () => {
  await using world = await startCluster();
  await using state = await connectState({ ...optionsFor(world.url), cluster: world.nodes });
  await connected(state);
  await state.check();
  await expect(
    Promise.all(Array.from({ length: KEYS }, (_, index) => everything(state, index))),
  ).resolves.toHaveLength(KEYS);
}, 60_000);

test("redis-evicts: one primary of a Cluster that evicts is enough to be refused", async () => {
  await using world = await startCluster();
  const { Redis } = await import("ioredis");
  const raw = new Redis(world.servers[2]?.url ?? "");
  await raw.config("SET", "maxmemory-policy", "volatile-lru");
  raw.disconnect();
  await using state = await connectState({ ...optionsFor(world.url), cluster: world.nodes });
  await connected(state);
  await expect(state.check()).rejects.toMatchObject({
    code: "state-evicts",
    details: { policy: "volatile-lru" },
  });
}, 60_000);

test("a node that is killed takes its slots along: an error soon, and all is well when it is back", async () => {
  // A Cluster without a part of its slots refuses everything by default, as a person may want.
  await using world = await startCluster(["--cluster-require-full-coverage", "no"]);
  await using state = await connectState({ ...optionsFor(world.url), cluster: world.nodes });
  await connected(state);
  const take = (index: number): Promise<unknown> =>
    state.locks.take("kv.vault.azure.net", `name-${index}`, 50).then(
      () => "ok",
      (error: { code?: string }) => error.code,
    );
  const [, second] = world.servers;
  await second?.kill();
  const answers = await eventually(
    async () => new Set(await Promise.all(Array.from({ length: KEYS }, (_, index) => take(index)))),
    { what: "some slots to be served and others not", until: (found) => found.size > 1, timeoutMs: 30_000 },
  );
  expect(answers).toEqual(new Set(["ok", "state-unreachable"]));
  await second?.start();
  await eventually(
    async () => {
      const again = await Promise.all(Array.from({ length: KEYS }, (_, index) => take(index)));
      return again.every((answer) => answer === "ok");
    },
    { what: "all slots to be served again", timeoutMs: 30_000 },
  );
}, 60_000);
