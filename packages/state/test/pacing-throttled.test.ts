// pace-throttled.lua, pace-probed.lua: what a 429 does to a vault. Hazard one-burst-ten-429.
import { expect, test } from "vitest";
import type { Grant, PacedVault, Pacing, Taken } from "../src/index.ts";
import { startWorld, type World } from "./world.ts";

const VAULT: PacedVault = { host: "kv.vault.azure.net" };
const T0 = 1_800_000_000_000;

interface Scene {
  readonly clock: { now: number };
  readonly pacing: Pacing;
}

async function scene(world: World): Promise<Scene> {
  const clock = { now: T0 };
  const pacing = await world.pacingAt(() => clock.now);
  await pacing.take(VAULT, "create", "live");
  clock.now += 10_000;
  return { clock, pacing };
}

async function take(pacing: Pacing): Promise<Taken> {
  return pacing.take(VAULT, "create", "live");
}

async function grant(pacing: Pacing): Promise<Grant> {
  const taken = await take(pacing);
  if (taken.kind !== "granted") throw new Error(`no token: ${taken.why}`);
  return taken.grant;
}

/** The next token, however long the clock has to go on for it. */
async function grantInTime({ pacing, clock }: Scene): Promise<Grant> {
  for (;;) {
    const taken = await take(pacing);
    if (taken.kind === "granted") return taken.grant;
    clock.now += taken.ms;
  }
}

/** Tokens in the next ten seconds, for whoever asks every 5 ms. */
async function rateOf({ pacing, clock }: Scene): Promise<number> {
  const until = clock.now + 10_000;
  let granted = 0;
  for (; clock.now < until; clock.now += 5) {
    if ((await take(pacing)).kind === "granted") granted += 1;
  }
  return granted;
}

test("ten 429s of one burst pause the vault once and halve its rate once", async () => {
  await using world = await startWorld();
  const { pacing, clock } = await scene(world);
  const first = await grant(pacing);
  const burst = [first, await grant(pacing), await grant(pacing)];
  expect(await pacing.throttled(first)).toEqual({ kind: "paused", ms: 2_000, halved: true });
  for (const late of [...burst, ...burst, ...burst])
    expect(await pacing.throttled(late)).toEqual({ kind: "ignored" });
  expect(await take(pacing)).toEqual({ kind: "wait", ms: 2_000, why: "paused" });
  // Every kind of call: the whole vault rests.
  expect(await pacing.take(VAULT, "other", "bulk")).toMatchObject({ kind: "wait", why: "paused" });
  clock.now += 2_000;
  const probe = await grant(pacing);
  expect(probe.probe).toBe(true);
  await pacing.succeeded(probe);
  const halved = await rateOf({ pacing, clock });
  expect(halved).toBeGreaterThan(140);
  expect(halved).toBeLessThan(165);
});

test("after the pause one probe goes out, the others wait for its answer", async () => {
  await using world = await startWorld();
  const { pacing, clock } = await scene(world);
  await pacing.throttled(await grant(pacing));
  clock.now += 2_000;
  const probe = await grant(pacing);
  expect(await take(pacing)).toEqual({ kind: "wait", ms: 250, why: "paused" });
  await pacing.succeeded(probe);
  expect(await take(pacing)).toMatchObject({ kind: "wait", why: "rate" });
  clock.now += 1_000;
  expect((await grant(pacing)).probe).toBe(false);
});

test("a probe that fails pauses twice as long each time, up to a minute, and halves nothing", async () => {
  await using world = await startWorld();
  const { pacing, clock } = await scene(world);
  let paused = await pacing.throttled(await grant(pacing));
  const pauses: number[] = [];
  for (let round = 0; round < 7; round += 1) {
    clock.now += paused.kind === "paused" ? paused.ms : 0;
    paused = await pacing.throttled(await grant(pacing));
    expect(paused).toMatchObject({ kind: "paused", halved: false });
    pauses.push(paused.kind === "paused" ? paused.ms : 0);
  }
  expect(pauses).toEqual([4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
});

test("a probe that is never answered is replaced; one that was not used makes room at once", async () => {
  await using world = await startWorld();
  const { pacing, clock } = await scene(world);
  await pacing.throttled(await grant(pacing));
  clock.now += 2_000;
  await grant(pacing);
  clock.now += 14_999;
  expect((await take(pacing)).kind).toBe("wait");
  clock.now += 1;
  const second = await grant(pacing);
  expect(second.probe).toBe(true);
  await pacing.giveBack(second);
  expect((await grant(pacing)).probe).toBe(true);
});

test("a 429 that was sent before the last pause and comes after it opens no new one", async () => {
  await using world = await startWorld();
  const { pacing, clock } = await scene(world);
  const slow = await grant(pacing);
  await pacing.throttled(await grant(pacing));
  clock.now += 2_000;
  await pacing.succeeded(await grant(pacing));
  expect(await pacing.throttled(slow)).toEqual({ kind: "ignored" });
  expect(await pacing.throttled(await grantInTime({ pacing, clock }))).toEqual({
    kind: "paused",
    ms: 2_000,
    halved: true,
  });
});

test("the rate grows back to the whole within two minutes without a 429", async () => {
  await using world = await startWorld();
  const { pacing, clock } = await scene(world);
  await pacing.throttled(await grant(pacing));
  clock.now += 2_000;
  await pacing.succeeded(await grant(pacing));
  clock.now += 100_000;
  expect(await rateOf({ pacing, clock })).toBeGreaterThanOrEqual(280);
});

test("a vault that is throttled again and again slows down, but never to nothing", async () => {
  await using world = await startWorld();
  const { pacing, clock } = await scene(world);
  for (let round = 0; round < 10; round += 1) {
    await pacing.throttled(await grantInTime({ pacing, clock }));
    clock.now += 2_000;
    await pacing.succeeded(await grant(pacing));
  }
  const slowest = await rateOf({ pacing, clock });
  expect(slowest).toBeGreaterThan(15);
  expect(slowest).toBeLessThan(40);
});

test("Azure's Retry-After is taken at its word if it is longer, up to an hour", async () => {
  await using world = await startWorld();
  const { pacing, clock } = await scene(world);
  expect(await pacing.throttled(await grant(pacing), 45_000)).toMatchObject({ ms: 45_000 });
  clock.now += 45_000;
  expect(await pacing.throttled(await grant(pacing), 10)).toMatchObject({ ms: 4_000 });
  clock.now += 4_000;
  expect(await pacing.throttled(await grant(pacing), 86_400_000)).toMatchObject({ ms: 3_600_000 });
});

test("a clock that steps back by a day during a pause does not stretch it", async () => {
  await using world = await startWorld();
  const { pacing, clock } = await scene(world);
  await pacing.throttled(await grant(pacing));
  clock.now -= 86_400_000;
  const taken = await take(pacing);
  expect(taken).toMatchObject({ kind: "granted", grant: { probe: true } });
});
