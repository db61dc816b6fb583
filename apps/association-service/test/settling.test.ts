// The settle loop carries P1: whatever a message missed or a stream lost is found by comparing wish and outcome. The
// timer runs every second here; the tests wait for what it leads to.
import { eventually, startNats, startOpenBao } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorld, type World } from "./support/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld({ settleIntervalS: 1 });
});
afterAll(() => world[Symbol.asyncDispose]());

const SYNCED = { kind: "synced", version: 1, wrote: true } as const;

async function synced(name: string): Promise<{ uid: string; key: string; sequence: number }> {
  const { uid } = await world.createDestination(name);
  await world.write(name);
  await world.set(name, name);
  await world.observe(name);
  const { sequence } = await world.command(name, name);
  await world.end(name, name, SYNCED);
  return { uid, key: await world.keyOf(name), sequence };
}

test("lost-command: a command that is lost before a sink took it is published again", async () => {
  const { uid } = await world.createDestination("lost");
  await world.write("lost");
  await world.set("lost", "lost");
  await world.observe("lost");
  const first = await world.command("lost", "lost");
  const key = await world.keyOf("lost");
  await world.bus.commands.purge(uid, key);
  const again = await eventually(async () => world.bus.commands.last(uid, key), { what: "the command" });
  expect(again.sequence).toBeGreaterThan(first.sequence);
  expect(again).toMatchObject({ lane: "bulk", value: { op: "sync", reason: "settle" } });
});

test("a command that was acked without an outcome is published again", async () => {
  const { uid } = await world.createDestination("acked");
  await world.write("acked");
  await world.set("acked", "acked");
  await world.observe("acked");
  const first = await world.command("acked", "acked");
  // A sink takes it away and says nothing: a later set that was lost, say.
  const consumption = await world.bus.commands.consume(uid, "live", async () => ({ kind: "ack" }), {
    concurrency: 1,
  });
  const again = await eventually(
    async () => {
      const last = await world.bus.commands.last(uid, await world.keyOf("acked"));
      return last !== undefined && last.sequence > first.sequence ? last : undefined;
    },
    { what: "the command once more" },
  );
  await consumption.close();
  expect(again).toMatchObject({ lane: "bulk", value: { op: "sync", reason: "settle" } });
});

test("settle-churn: what is pending stays where it is in the queue", async () => {
  await world.createDestination("pending");
  await world.write("pending");
  await world.set("pending", "pending");
  await world.observe("pending");
  const first = await world.command("pending", "pending");
  await threeRounds();
  expect((await world.command("pending", "pending")).sequence).toBe(first.sequence);
});

test("settle-churn: a name that waits past its time is left in its place while everything is paused", async () => {
  const { uid, key, sequence } = await synced("paused");
  const error = {
    code: "paused",
    class: "internal",
    retry: "later",
    message: "paused",
    advice: "resume",
    details: {},
  } as const;
  await world.call("POST", "sys/sync/pause", { destination: "azure-kv/paused", reason: "test" });
  await world.endKeeping("paused", "paused", { kind: "waiting", until: 1_000, attempts: 0, error });
  await threeRounds();
  expect((await world.bus.commands.last(uid, key))?.sequence).toBe(sequence);
  await world.call("POST", "sys/sync/resume", { destination: "azure-kv/paused" });
  await world.command("paused", "paused", ({ reason }) => reason === "settle");
});

test("a held delete stays held: settle asks for no second permit", async () => {
  await synced("held");
  await world.vault("DELETE", "secret/metadata/held");
  await world.observe("held");
  const unsync = await world.command("held", "held", ({ op }) => op === "unsync");
  const error = {
    code: "held-for-approval",
    class: "client-side",
    retry: "later",
    message: "over the budget",
    advice: "Approve.",
    details: {},
  } as const;
  await world.end("held", "held", { kind: "held", error });
  await threeRounds();
  expect((await world.command("held", "held")).sequence).toBe(unsync.sequence);
});

test("a name that is held without an association is given up, from the budget", async () => {
  const { uid, key } = await synced("orphan");
  const row = await world.bus.associations.get(`${uid}.${key}`);
  // Its tombstone is lost: nothing tells a resolver what to do about the name.
  await world.bus.associations.delete(`${uid}.${key}`, row?.sequence ?? 0);
  const command = await world.command("orphan", "orphan", ({ op }) => op === "unsync");
  expect(command).toMatchObject({
    lane: "bulk",
    value: { expect: null, permit: { by: "budget", fingerprint: expect.stringMatching(/^orphan\./) } },
  });
});

test("a change that was seen while no resolver ran is resolved after a restart", async () => {
  const { sequence } = await synced("missed");
  await world.write("missed");
  await world.service.close();
  // Seen while no resolver ran.
  await world.observe("missed");
  await world.restart();
  const after = await world.command("missed", "missed", (command) => command.expect?.current === 2);
  expect(after.sequence).toBeGreaterThan(sequence);
});

test("tail-lost: a stream whose last sequence lies below one that is known gets a later epoch", async () => {
  await using other = await startFresh();
  const { world: fresh, epoch } = other;
  await fresh.createDestination("epoch");
  await fresh.write("epoch");
  await fresh.set("epoch", "epoch");
  await fresh.observe("epoch");
  const command = await fresh.command("epoch", "epoch");
  expect(command.value.epoch).toBe(epoch);
  // SYNC_DESIRED loses its tail: the last sequence lies below the one that is known.
  await eventually(async () => (await knownTail(fresh)) >= command.sequence, {
    what: "the tail to be noted",
  });
  const record = await fresh.bus.epochs.get("epoch");
  if (record === undefined) throw new Error("no epoch");
  const { SYNC_DESIRED: desired } = record.value.streams;
  if (desired === undefined) throw new Error("no stream");
  const ahead = { ...desired, lastSequence: desired.lastSequence + 1_000 };
  await fresh.bus.epochs.put(
    "epoch",
    { ...record.value, streams: { ...record.value.streams, SYNC_DESIRED: ahead } },
    record.sequence,
  );
  await eventually(async () => ((await fresh.bus.epochs.get("epoch"))?.value.epoch ?? 0) > epoch, {
    what: "a later epoch",
  });
  await fresh.write("epoch");
  await fresh.observe("epoch");
  const later = await fresh.command("epoch", "epoch", (c) => c.expect?.current === 2);
  expect(later.value.epoch).toBeGreaterThan(epoch);
});

async function knownTail(fresh: World): Promise<number> {
  return (await fresh.bus.epochs.get("epoch"))?.value.streams["SYNC_DESIRED"]?.lastSequence ?? 0;
}

async function startFresh() {
  const [bao, nats] = await Promise.all([startOpenBao(), startNats()]);
  const fresh = await startWorld({ settleIntervalS: 1, servers: { bao, nats } });
  const epoch = (await fresh.bus.epochs.get("epoch"))?.value.epoch ?? 0;
  return {
    world: fresh,
    epoch,
    async [Symbol.asyncDispose]() {
      await fresh[Symbol.asyncDispose]();
      await Promise.all([bao.stop(), nats.stop()]);
    },
  };
}

// Rounds are counted, not waited out: each one ends in an event.
async function threeRounds(): Promise<void> {
  const rounds = () => world.service.logs.filter(({ message }) => message === "settle: round ended").length;
  const before = rounds();
  await eventually(() => rounds() >= before + 3, { what: "three rounds of settle" });
}
