// Several resolvers on one pair, through the very code of the service and a real NATS: compare-and-set decides.
import { silentLogger, systemClock } from "@keyferry/ports";
import { createMetrics } from "@keyferry/service";
import { afterAll, beforeAll, expect, test } from "vitest";
import { followTables } from "../src/boot/follow-tables.ts";
import { createEvents } from "../src/events.ts";
import { Permits } from "../src/permits/permits.ts";
import { Resolver } from "../src/resolve/resolver.ts";
import { OWN_MOUNT, startWorld, type World } from "./support/world.ts";

let world: World;
const stop = new AbortController();
beforeAll(async () => {
  world = await startWorld();
});
afterAll(async () => {
  stop.abort();
  await world[Symbol.asyncDispose]();
});

const SYNCED = { kind: "synced", version: 1, wrote: true } as const;
const LIMITS = { perHourMin: 10, perHourPercent: 10, perDayPercent: 25 };

/** A resolver that only looks when the test says so: the service's own ones have been stopped. */
async function newResolver(): Promise<Resolver> {
  const secretKeyKey = Buffer.from(
    (await world.bus.instance.get("instance"))?.value.secretKeyKey ?? "",
    "base64",
  );
  const own = { namespace: "", mount: OWN_MOUNT };
  const tables = await followTables(world.bus, { source: "main", own, secretKeyKey }, stop.signal);
  await tables.caughtUp();
  const metrics = createMetrics({ service: "test", version: "test", processFigures: false });
  const events = createEvents(silentLogger, metrics);
  const epoch = (await world.bus.epochs.get("epoch"))?.value.epoch ?? 0;
  const permits = new Permits({
    budgets: world.bus.budgets,
    limits: LIMITS,
    guardOf: () => undefined,
    associationsOf: (uid) => tables.associations.activeCount(uid),
    clock: systemClock,
    events,
  });
  const { destinations, rules } = tables;
  return new Resolver({
    bus: world.bus,
    source: "main",
    destinations,
    rules,
    permits,
    epoch: () => epoch,
    clock: systemClock,
    events,
  });
}

const lastSequence = async () => (await world.bus.streamInfo())["SYNC_DESIRED"]?.lastSequence ?? 0;

test("ten looks of two resolvers at one change make one command, and one permit", async () => {
  const { uid } = await world.createDestination("cas");
  await world.write("cas");
  await world.set("cas", "cas");
  await world.observe("cas");
  await world.command("cas", "cas");
  await world.end("cas", "cas", SYNCED);
  await world.service.close();

  const secretKey = await world.keyOf("cas");
  const [one, two] = await Promise.all([newResolver(), newResolver()]);
  await world.vault("DELETE", "secret/metadata/cas");
  const event = await world.observe("cas");
  const before = await lastSequence();
  const looks = [one, two, one, two, one, two, one, two, one, two].map((resolver) =>
    resolver.look({ destination: uid, secretKey }, { trigger: { kind: "event", event } }),
  );
  const kinds = await Promise.all(looks);
  expect(kinds.filter((kind) => kind === "published")).toHaveLength(1);
  expect(kinds.filter((kind) => kind === "unchanged")).toHaveLength(9);
  expect(await lastSequence()).toBe(before + 1);
  expect((await world.bus.budgets.get(`budget.${uid}`))?.value.spent).toHaveLength(1);
  await world.restart();
});

test("remove-races-event: whatever the order of a removal and an event, the last command is the unsync", async () => {
  await world.createDestination("rre");
  for (let round = 0; round < 5; round += 1) {
    const path = `rre-${round}`;
    await world.write(path);
    await world.set("rre", path);
    await world.observe(path);
    await world.command("rre", path);
    await world.write(path);
    await Promise.all([world.observe(path), world.remove("rre", path)]);
    const command = await world.command("rre", path, ({ op }) => op === "unsync");
    expect(command.value).toMatchObject({ expect: null, permit: { by: "person" } });
    await world.end("rre", path, { kind: "unsynced", wrote: true });
  }
  const rows = await world.call("GET", "sys/sync/destinations/azure-kv/rre/associations");
  expect(rows.data["associated_secrets"]).toEqual({});
});

test("destination-delete-vs-set: whoever wins, no association is left without its destination", async () => {
  await world.write("dvs");
  const outcomes: { deleted: number; exists: boolean; kept: boolean }[] = [];
  for (let round = 0; round < 10; round += 1) {
    const name = `dvs-${round}`;
    const { uid } = await world.createDestination(name);
    const [set, deleted] = await Promise.all([
      world.set(name, "dvs"),
      world.call("DELETE", `sys/sync/destinations/azure-kv/${name}`),
    ]);
    const association = (await world.bus.associations.get(`${uid}.${await world.keyOf("dvs")}`))?.value;
    const exists = (await world.call("GET", `sys/sync/destinations/azure-kv/${name}`)).status === 200;
    outcomes.push({
      deleted: deleted.status,
      exists,
      // A set that was answered with 200 must hold; one that was refused must have left nothing.
      kept: set.status === 200 ? association?.state === "active" : association?.state !== "active",
    });
  }
  expect(outcomes.map(({ kept }) => kept)).not.toContain(false);
  expect(outcomes.filter(({ deleted, exists }) => exists === (deleted === 204))).toEqual([]);
  expect(outcomes.filter(({ deleted }) => deleted !== 204 && deleted !== 400)).toEqual([]);
});
