// What follows when NATS lost a stream, or came back from an older backup (O3): a later epoch, durables that hear, and
// every association ordered again. On a real nats-server whose store this test takes apart.
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { eventually, startNats, startOpenBao } from "@keyferry/testkit";
import { expect, test } from "vitest";
import { startWorld, type World } from "./support/world.ts";

const SYNCED = { kind: "synced", version: 1, wrote: true } as const;

async function startFresh() {
  const [bao, nats] = await Promise.all([startOpenBao(), startNats()]);
  const world = await startWorld({ settleIntervalS: 1, servers: { bao, nats } });
  return {
    world,
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await Promise.all([bao.stop(), nats.stop()]);
    },
  };
}

async function epochOf(world: World): Promise<number> {
  return (await world.bus.epochs.get("epoch"))?.value.epoch ?? 0;
}

/** Waits until what the streams hold now is what the service knows of them. */
async function noted(world: World): Promise<void> {
  await eventually(
    async () => {
      const known = (await world.bus.epochs.get("epoch"))?.value.streams ?? {};
      const now = await world.bus.streamInfo();
      return Object.entries(now).every(
        ([name, { lastSequence }]) => known[name]?.lastSequence === lastSequence,
      );
    },
    { what: "the streams' progress to be noted" },
  );
}

async function synced(world: World, name: string): Promise<void> {
  await world.createDestination(name);
  await world.write(name);
  await world.set(name, name);
  await world.observe(name);
  await world.command(name, name);
  await world.end(name, name, SYNCED);
}

const laterThan = (world: World, epoch: number) =>
  eventually(async () => (await epochOf(world).catch(() => 0)) > epoch, { what: "a later epoch" });

test("restored-stream: after a stream was deleted the epoch is later, every pair is ordered again, and events are heard", async () => {
  await using fresh = await startFresh();
  const { world } = fresh;
  await synced(world, "deleted");
  await noted(world);
  const epoch = await epochOf(world);
  await world.nats.kill();
  for (const stream of ["SYNC_DESIRED", "KV2_EVENTS"]) {
    await rm(join(world.nats.storeDir, "jetstream", "$G", "streams", stream), { recursive: true });
  }
  await world.nats.start();
  await laterThan(world, epoch);
  // The state went with the stream: the detector is asked, and the resolver hears what it publishes.
  const event = await eventually(() => world.observe("deleted"), { what: "the event log to be there" });
  const command = await world.command("deleted", "deleted");
  expect(command.value).toMatchObject({ op: "sync", expect: { fingerprint: event.fingerprint } });
  expect(command.value.epoch).toBeGreaterThan(epoch);
});

test("restored-stream: after NATS came back from an older backup nothing that was lost stays lost", async () => {
  await using fresh = await startFresh();
  const { world } = fresh;
  await synced(world, "restored");
  await noted(world);
  const backup = `${world.nats.storeDir}-backup`;
  await world.nats.kill();
  await cp(world.nats.storeDir, backup, { recursive: true });
  await world.nats.start();
  await eventually(() => world.write("restored"), { what: "the source" });
  await eventually(() => world.observe("restored"), { what: "NATS to be back" });
  const second = await world.command("restored", "restored", ({ expect: wish }) => wish?.current === 2);
  await world.end("restored", "restored", { ...SYNCED, version: 2 });
  await noted(world);
  const epoch = await epochOf(world);
  expect(second.value.epoch).toBe(epoch);

  await world.nats.kill();
  await rm(world.nats.storeDir, { recursive: true });
  await cp(backup, world.nats.storeDir, { recursive: true });
  await world.nats.start();
  await laterThan(world, epoch);
  // The detector's memory is of the past as well: it sees version 2 anew, and whoever resolves hears of it.
  await eventually(() => world.observe("restored"), { what: "the event log to be there" });
  const again = await world.command("restored", "restored", (command) => command.epoch > epoch);
  expect(again.value).toMatchObject({ op: "sync", expect: { current: 2 } });
  await rm(backup, { recursive: true });
});
