// Hazard redis-failover-stale-record from Redis's side: the primary dies, a replica takes over, and the state goes on
// there by itself; what happened in between is an error soon, never a hang.
import { SecretValue } from "@keyferry/ports";
import { eventually } from "@keyferry/testkit";
import { expect, test } from "vitest";
import { connectState, type State } from "../src/index.ts";
import { startSentinels } from "./redis-modes.ts";
import { connected, optionsFor } from "./world.ts";

const DESTINATION = "abcdefghijklmn";
const KEY = "abcdefghijklmnopqrstuvwxyz";
const FAIL_OVER_MS_MAX = 30_000;

async function work(state: State): Promise<boolean> {
  await state.later.park(DESTINATION, KEY, 1);
  await state.attempts.count(DESTINATION, KEY, { epoch: 1, sequence: 1 });
  return (await state.locks.take("kv.vault.azure.net", `name-${Math.random()}`, 1_000)) !== undefined;
}

test("after its primary was killed the state works on the one that the Sentinels chose", async () => {
  await using world = await startSentinels("a-password");
  const { sentinels } = world;
  await using state = await connectState({ ...optionsFor(""), url: new SecretValue(world.url), sentinels });
  await connected(state);
  await state.check();
  expect(await work(state)).toBe(true);
  await world.primary.kill();
  await expect(work(state)).rejects.toMatchObject({ code: "state-unreachable" });
  await eventually(() => work(state).catch(() => false), {
    what: "the state to work on the new primary",
    timeoutMs: FAIL_OVER_MS_MAX,
  });
  // The old primary comes back as a replica, and nothing goes to it.
  await world.primary.start();
  expect(await eventually(() => work(state).catch(() => false), { what: "work beside it" })).toBe(true);
}, 90_000);

test("redis-evicts: a replica that evicts is found out when it becomes the primary", async () => {
  await using world = await startSentinels();
  const { Redis } = await import("ioredis");
  const raw = new Redis(world.replica.url);
  await raw.config("SET", "maxmemory-policy", "allkeys-lru");
  raw.disconnect();
  const { url, sentinels } = world;
  await using state = await connectState({ ...optionsFor(url), sentinels });
  await connected(state);
  await eventually(
    () =>
      state.check().then(
        () => true,
        () => false,
      ),
    { what: "a primary that keeps" },
  );
  expect(state.status().why).toBeUndefined();
  await world.primary.kill();
  await eventually(() => state.status().connected && (state.status().why ?? "").includes("allkeys-lru"), {
    what: "the status to say that Redis evicts",
    timeoutMs: FAIL_OVER_MS_MAX,
  });
  const codeOf = (): Promise<unknown> => state.check().catch((error: { code?: string }) => error.code);
  expect(await eventually(codeOf, { what: "the check", until: (code) => code === "state-evicts" })).toBe(
    "state-evicts",
  );
}, 90_000);
