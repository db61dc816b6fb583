// pace-take.lua, pace-give-back.lua in a time that is passed in: the rate, the burst, the lanes, and what a clock that
// steps back does. P6; hazards jitter-at-the-ceiling, live-behind-bulk, bucket-after-failover.
import type { Lane } from "@keyferry/contracts";
import { expect, test } from "vitest";
import type { Grant, PacedVault, Pacing } from "../src/index.ts";
import { startWorld } from "./world.ts";

const VAULT: PacedVault = { host: "kv.vault.azure.net" };
const T0 = 1_800_000_000_000;

/** Asks for a token each time it was told to come back, and notes when it got one. */
class Asker {
  readonly grantedAt: number[] = [];
  nextAt: number;
  readonly #pacing: Pacing;
  readonly #vault: PacedVault;
  readonly lane: Lane;
  readonly #kind: "create" | "other";

  constructor(
    pacing: Pacing,
    vault: PacedVault,
    lane: Lane,
    nextAt: number,
    kind: "create" | "other" = "create",
  ) {
    this.#pacing = pacing;
    this.#vault = vault;
    this.lane = lane;
    this.nextAt = nextAt;
    this.#kind = kind;
  }

  async ask(): Promise<void> {
    const taken = await this.#pacing.take(this.#vault, this.#kind, this.lane);
    if (taken.kind === "granted") this.grantedAt.push(this.nextAt);
    else this.nextAt += taken.ms;
  }
}

/** Lets askers act in the order of their times until `untilMs`. */
async function simulate(askers: readonly Asker[], clock: { now: number }, untilMs: number): Promise<void> {
  for (;;) {
    const next = askers.reduce((a, b) => (b.nextAt < a.nextAt ? b : a));
    if (next.nextAt >= untilMs) return;
    clock.now = next.nextAt;
    await next.ask();
  }
}

function mostWithin(times: readonly number[], windowMs: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  let most = 0;
  let from = 0;
  for (const [index, time] of sorted.entries()) {
    while (time - (sorted[from] ?? 0) >= windowMs) from += 1;
    most = Math.max(most, index - from + 1);
  }
  return most;
}

test("four sinks together get 28.5 a second, and never more than 290 in any ten seconds", async () => {
  await using world = await startWorld();
  const clock = { now: T0 };
  const pacing = await world.pacingAt(() => clock.now);
  const sinks = Array.from({ length: 4 }, (_, n) => new Asker(pacing, VAULT, "bulk", T0 + n));
  await simulate(sinks, clock, T0 + 30_000);
  const times = sinks.flatMap(({ grantedAt }) => grantedAt);
  expect(mostWithin(times, 10_000)).toBeLessThanOrEqual(290);
  // 1.06 times n/30 s is the figure; what the whole milliseconds of waits cost stays within it.
  expect(times.length).toBeGreaterThanOrEqual(Math.floor((30 * 30) / 1.06));
  expect(times.length).toBeLessThanOrEqual(28.5 * 30 + 5);
});

test("a new bucket starts empty, a rested one gives its burst of five at once and not more", async () => {
  await using world = await startWorld();
  const clock = { now: T0 };
  const pacing = await world.pacingAt(() => clock.now);
  expect(await pacing.take(VAULT, "create", "live")).toEqual({ kind: "wait", ms: 36, why: "rate" });
  clock.now += 60_000;
  const kinds: string[] = [];
  for (let n = 0; n < 7; n += 1) kinds.push((await pacing.take(VAULT, "create", "live")).kind);
  expect(kinds).toEqual(["granted", "granted", "granted", "granted", "granted", "wait", "wait"]);
});

test("creates and other calls have buckets of their own, and so has each vault", async () => {
  await using world = await startWorld();
  const clock = { now: T0 };
  const pacing = await world.pacingAt(() => clock.now);
  const creates = new Asker(pacing, VAULT, "live", T0);
  const others = new Asker(pacing, VAULT, "live", T0, "other");
  const elsewhere = new Asker(pacing, { host: "kw.vault.azure.net" }, "live", T0);
  await simulate([creates, others, elsewhere], clock, T0 + 2_000);
  expect(creates.grantedAt.length).toBeGreaterThanOrEqual(54);
  expect(elsewhere.grantedAt.length).toBeGreaterThanOrEqual(54);
  expect(others.grantedAt.length).toBeGreaterThanOrEqual(600);
  expect(others.grantedAt.length).toBeLessThanOrEqual(780);
});

test("a live call among bulk pollers waits for one token, not for the line (live-behind-bulk)", async () => {
  await using world = await startWorld();
  const clock = { now: T0 };
  const pacing = await world.pacingAt(() => clock.now);
  const bulk = Array.from({ length: 8 }, (_, n) => new Asker(pacing, VAULT, "bulk", T0 + n));
  await simulate(bulk, clock, T0 + 5_000);
  for (let round = 0; round < 5; round += 1) {
    const arrivedAt = T0 + 5_000 + round * 1_000;
    const live = new Asker(pacing, VAULT, "live", arrivedAt);
    await simulate([...bulk, live], clock, arrivedAt + 300);
    // 35 ms for a token, and one more that may have been bulk's share.
    expect((live.grantedAt[0] ?? Infinity) - arrivedAt).toBeLessThanOrEqual(75);
    await simulate(bulk, clock, arrivedAt + 1_000);
  }
});

test("under a flood of live calls bulk keeps about one token in five, and nothing of the rate is lost", async () => {
  await using world = await startWorld();
  const clock = { now: T0 };
  const pacing = await world.pacingAt(() => clock.now);
  const live = Array.from({ length: 3 }, (_, n) => new Asker(pacing, VAULT, "live", T0 + n));
  const bulk = Array.from({ length: 3 }, (_, n) => new Asker(pacing, VAULT, "bulk", T0 + n));
  await simulate([...live, ...bulk], clock, T0 + 20_000);
  const lives = live.flatMap(({ grantedAt }) => grantedAt).length;
  const bulks = bulk.flatMap(({ grantedAt }) => grantedAt).length;
  const share = bulks / (lives + bulks);
  expect(share).toBeGreaterThan(0.14);
  expect(share).toBeLessThan(0.3);
  expect(lives + bulks).toBeGreaterThanOrEqual(Math.floor((30 * 20) / 1.06));
});

test("live callers that stay away do not hold bulk up", async () => {
  await using world = await startWorld();
  const clock = { now: T0 };
  const pacing = await world.pacingAt(() => clock.now);
  // It asked once and died.
  await pacing.take(VAULT, "create", "live");
  const bulk = new Asker(pacing, VAULT, "bulk", T0);
  await simulate([bulk], clock, T0 + 10_000);
  expect(bulk.grantedAt.length).toBeGreaterThanOrEqual(275);
});

test("five vaults of a rate group share five times the figure, and one alone has no more than its own", async () => {
  await using world = await startWorld();
  const clock = { now: T0 };
  const pacing = await world.pacingAt(() => clock.now);
  const vaults = Array.from({ length: 8 }, (_, n) => ({
    host: `kv${n}.vault.azure.net`,
    rateGroup: "sub-eu",
  }));
  const askers = vaults.map((vault, n) => new Asker(pacing, vault, "bulk", T0 + n));
  await simulate(askers, clock, T0 + 4_000);
  const all = askers.flatMap(({ grantedAt }) => grantedAt);
  expect(all.length).toBeLessThanOrEqual(28.5 * 5 * 4 + 25);
  expect(all.length).toBeGreaterThanOrEqual(Math.floor(600 / 1.06) - 10);
  const alone = new Asker(pacing, { host: "kv9.vault.azure.net", rateGroup: "sub-us" }, "bulk", clock.now);
  const startedAt = clock.now;
  await simulate([alone], clock, startedAt + 5_000);
  expect(alone.grantedAt.length).toBeLessThanOrEqual(148);
  expect(alone.grantedAt.length).toBeGreaterThanOrEqual(136);
});

test("an unused token goes back, and never beyond the burst", async () => {
  await using world = await startWorld();
  const clock = { now: T0 };
  const pacing = await world.pacingAt(() => clock.now);
  await pacing.take(VAULT, "create", "live");
  clock.now += 60_000;
  const grants: Grant[] = [];
  for (let n = 0; n < 5; n += 1) {
    const taken = await pacing.take(VAULT, "create", "live");
    if (taken.kind === "granted") grants.push(taken.grant);
  }
  expect((await pacing.take(VAULT, "create", "live")).kind).toBe("wait");
  for (const grant of [...grants, ...grants]) await pacing.giveBack(grant);
  let given = 0;
  while ((await pacing.take(VAULT, "create", "live")).kind === "granted") given += 1;
  expect(given).toBe(5);
});

test("a clock that steps back for an hour costs no more than a burst (bucket-after-failover)", async () => {
  await using world = await startWorld();
  const clock = { now: T0 };
  const pacing = await world.pacingAt(() => clock.now);
  const live = new Asker(pacing, VAULT, "live", T0);
  const bulk = new Asker(pacing, VAULT, "bulk", T0);
  await simulate([live, bulk], clock, T0 + 5_000);
  const back = T0 - 3_600_000;
  const after = [new Asker(pacing, VAULT, "live", back), new Asker(pacing, VAULT, "bulk", back)];
  await simulate(after, clock, back + 10_000);
  const times = after.flatMap(({ grantedAt }) => grantedAt);
  expect(times.length).toBeGreaterThanOrEqual(270);
  expect(times.length).toBeLessThanOrEqual(290);
});

test("what is sent late after a stall is charged anew, so that the window stays below 300 (jitter-at-the-ceiling)", async () => {
  await using world = await startWorld();
  const clock = { now: T0 };
  const pacing = await world.pacingAt(() => clock.now);
  const sentAt: number[] = [];
  const held: Grant[] = [];
  // Asks as fast as it may; what is granted in the first second of each fifteen is sent at the end of that second.
  while (clock.now < T0 + 45_000) {
    const sinceMs = (clock.now - T0) % 15_000;
    if (sinceMs >= 1_000) {
      for (const grant of held.splice(0)) {
        pacing.sent(grant);
        sentAt.push(clock.now);
      }
    }
    const taken = await pacing.take(VAULT, "create", "bulk");
    if (taken.kind === "granted") held.push(taken.grant);
    clock.now += taken.kind === "wait" ? taken.ms : 1;
  }
  expect(mostWithin(sentAt, 10_000)).toBeLessThanOrEqual(298);
  expect(mostWithin(sentAt, 10_000)).toBeGreaterThan(280);
});

test("a token that is late now and then costs nothing of the rate", async () => {
  await using world = await startWorld();
  const clock = { now: T0 };
  const pacing = await world.pacingAt(() => clock.now);
  const late: { readonly at: number; readonly grant: Grant }[] = [];
  let granted = 0;
  while (clock.now < T0 + 30_000) {
    while ((late[0]?.at ?? Infinity) <= clock.now) {
      const due = late.shift();
      if (due !== undefined) pacing.sent(due.grant);
    }
    const taken = await pacing.take(VAULT, "create", "bulk");
    if (taken.kind === "granted") {
      granted += 1;
      // One in twelve, two or three a second.
      if (granted % 12 === 0) late.push({ at: clock.now + 300, grant: taken.grant });
      else pacing.sent(taken.grant);
    }
    clock.now += taken.kind === "wait" ? taken.ms : 1;
  }
  expect(granted).toBeGreaterThanOrEqual(Math.floor((30 * 30) / 1.06));
});
