// What the tables promise (BUS-1 to BUS-5), on a real nats-server: compare-and-set, leader reads, durables that lose
// nothing at a stop, views that can be waited for.
import type { InstanceRecord, SyncCommand, VersionEvent } from "@keyferry/contracts";
import { silentLogger, systemClock, systemRandom } from "@keyferry/ports";
import { eventually, type NatsServer, startNats } from "@keyferry/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Bus, connectBus } from "../src/index.ts";

const UIDS = "abcdefghijklmnopqrstuvwxyz";
let nats: NatsServer;
let bus: Bus;
let destination: string;
let serial = 0;

const connect = (servers: readonly string[]): Promise<Bus> =>
  connectBus({ servers, name: "test", logger: silentLogger, clock: systemClock, random: systemRandom });

beforeAll(async () => {
  nats = await startNats();
  bus = await connect([nats.url]);
  await bus.provision();
});

afterAll(async () => {
  await bus.close();
  await nats.stop();
});

beforeEach(() => {
  serial += 1;
  destination = `destination${UIDS.charAt(serial)}aaaa`.slice(0, 13);
});

const keyNumber = (number: number): string => `${"a".repeat(24)}${UIDS.charAt(number)}a`;
const KEY = keyNumber(0);
const SECRET = { source: "main", namespace: "", mount: "kv", accessor: "kv_1", path: "app" };

function command(over: Partial<SyncCommand> = {}): SyncCommand {
  return {
    major: 1,
    epoch: 1,
    op: "sync",
    destination,
    association: "aaaaaaaaaaaaa",
    secretKey: KEY,
    secret: SECRET,
    spec: { granularity: "secret-path", nameTemplate: "x", customTags: {} },
    expect: null,
    permit: null,
    reason: "source",
    resolvedFrom: { associationRevision: 1, stateSequence: 1 },
    ...over,
  };
}

const event = (current: number): VersionEvent => ({
  major: 1,
  secret: SECRET,
  clusterId: "c",
  state: { kind: "gone" },
  fingerprint: `f${current}`,
  changes: [],
  via: "hint",
  readStartedAt: current,
});

const sequenceOf = (result: { kind: string; sequence?: number }): number => {
  if (result.kind !== "stored" || result.sequence === undefined) throw new Error("the write was lost");
  return result.sequence;
};

test("BUS-1: of many that expect the same sequence exactly one is stored", async () => {
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      bus.commands.put(destination, KEY, "live", command({ epoch: index }), 0),
    ),
  );
  expect(results.filter(({ kind }) => kind === "stored")).toHaveLength(1);
});

test("live-and-bulk-pending: a command in one lane is seen by a compare-and-set in the other", async () => {
  const live = sequenceOf(await bus.commands.put(destination, KEY, "live", command(), 0));
  expect(await bus.commands.put(destination, KEY, "bulk", command(), 0)).toEqual({ kind: "lost" });
  const bulk = sequenceOf(await bus.commands.put(destination, KEY, "bulk", command(), live));
  expect(await bus.commands.last(destination, KEY)).toMatchObject({ sequence: bulk, lane: "bulk" });
});

test("delete-undelete-delete: the same body again is a new message, not a duplicate", async () => {
  const key = keyNumber(7);
  let sequence = 0;
  for (const current of [1, 2, 1, 2, 1]) {
    const next = sequenceOf(await bus.events.append("main", key, event(current), sequence));
    expect(next).toBeGreaterThan(sequence);
    sequence = next;
  }
});

test("expired-subject-breaks-cas: after a purge nothing is there, and 0 is what to expect", async () => {
  const first = sequenceOf(await bus.commands.put(destination, KEY, "live", command(), 0));
  await bus.commands.purge(destination, KEY);
  expect(await bus.commands.last(destination, KEY)).toBeUndefined();
  expect(await bus.commands.put(destination, KEY, "live", command(), first)).toEqual({ kind: "lost" });
  expect((await bus.commands.put(destination, KEY, "live", command(), 0)).kind).toBe("stored");
});

test("a key that was deleted can be made again, and a revision of before is refused", async () => {
  const record: InstanceRecord = { major: 1, instanceId: "aaaaaaaaaaaaa", secretKeyKey: "k", createdAt: "" };
  const made = sequenceOf(await bus.instance.put("again", record, 0));
  expect(await bus.instance.put("again", record, 0)).toEqual({ kind: "lost" });
  sequenceOf(await bus.instance.delete("again", made));
  expect(await bus.instance.get("again")).toBeUndefined();
  expect(await bus.instance.put("again", record, made)).toEqual({ kind: "lost" });
  expect((await bus.instance.put("again", record, 0)).kind).toBe("stored");
});

test("memory at start is the last event of each secret of that source, once", async () => {
  const stop = new AbortController();
  const none: unknown[] = [];
  for await (const one of bus.events.loadLast("nobody", stop.signal)) none.push(one);
  expect(none).toEqual([]);
  for (const index of [1, 2, 3]) {
    const first = sequenceOf(await bus.events.append("memory", keyNumber(index), event(1), 0));
    await bus.events.append("memory", keyNumber(index), event(2), first);
  }
  const loaded = new Map<string, string>();
  for await (const { key, entry, total } of bus.events.loadLast("memory", stop.signal)) {
    expect(total).toBe(3);
    loaded.set(key, entry.value.fingerprint);
  }
  expect([...loaded.values()]).toEqual(["f2", "f2", "f2"]);
});

test("a view has reached a write as soon as it holds it, and who gives up waiting is told so", async () => {
  const stop = new AbortController();
  const view = await bus.commands.watch(stop.signal);
  const sequence = sequenceOf(await bus.commands.put(destination, KEY, "live", command(), 0));
  await view.reached(sequence);
  expect(view.get(`${destination}.${KEY}`)?.sequence).toBe(sequence);
  await view.reached(sequence);
  const patience = new AbortController();
  const never = view.reached(sequence + 1_000, patience.signal);
  patience.abort(new Error("enough"));
  await expect(never).rejects.toThrow("enough");
  await expect(view.reached(sequence + 1_000, patience.signal)).rejects.toThrow("enough");
  await view.close();
});

test("a view holds what was written before caughtUp, and tells what comes later", async () => {
  const stop = new AbortController();
  const view = await bus.commands.watch(stop.signal);
  const sequence = sequenceOf(await bus.commands.put(destination, KEY, "live", command(), 0));
  await view.caughtUp();
  expect(view.get(`${destination}.${KEY}`)?.sequence).toBe(sequence);
  const told: (number | undefined)[] = [];
  view.onChange((_, entry) => told.push(entry?.sequence));
  const next = sequenceOf(await bus.commands.put(destination, KEY, "bulk", command(), sequence));
  await eventually(async () => told.includes(next), { what: "the listener to be told" });
  expect(view.get(`${destination}.${KEY}`)?.value.lane).toBe("bulk");
  stop.abort();
});

test("what a handler throws is delivered again, and its delivery count goes up", async () => {
  await bus.commands.ensureConsumers(destination);
  await bus.commands.put(destination, KEY, "live", command(), 0);
  const counts: number[] = [];
  const consumption = await bus.commands.consume(
    destination,
    "live",
    async (_, { deliveryCount }) => {
      counts.push(deliveryCount);
      if (deliveryCount === 1) throw new Error("first time");
      return { kind: "ack" };
    },
    { concurrency: 4 },
  );
  await eventually(async () => counts.length === 2, { what: "the second delivery" });
  expect(counts).toEqual([1, 2]);
  await consumption.close();
});

test("stop-leaves-unacked: work in hand at a close is finished and acked, and the rest is not taken", async () => {
  await bus.commands.ensureConsumers(destination);
  for (let index = 0; index < 20; index += 1) {
    await bus.commands.put(
      destination,
      keyNumber(index),
      "live",
      command({ secretKey: keyNumber(index) }),
      0,
    );
  }
  let running = 0;
  let finished = 0;
  const gate = Promise.withResolvers<void>();
  const consumption = await bus.commands.consume(
    destination,
    "live",
    async () => {
      running += 1;
      await gate.promise;
      finished += 1;
      return { kind: "ack" };
    },
    { concurrency: 5 },
  );
  await eventually(async () => running === 5, { what: "five messages in hand" });
  const closing = consumption.close();
  gate.resolve();
  await closing;
  expect(finished).toBe(running);
  expect(running).toBeLessThanOrEqual(10);
  // Whoever comes next gets the others at once, not after ack_wait.
  const others: string[] = [];
  const next = await bus.commands.consume(
    destination,
    "live",
    async ({ key }) => {
      others.push(key);
      return { kind: "ack" };
    },
    { concurrency: 20 },
  );
  await eventually(async () => others.length === 20 - finished, {
    what: "the other messages",
    timeoutMs: 10_000,
  });
  await next.close();
});

test("a destination's two lanes have durables of their own, and dropping them twice does no harm", async () => {
  await bus.commands.ensureConsumers(destination);
  await bus.commands.ensureConsumers(destination);
  const none = { floor: 0, waiting: 0, unacked: 0 };
  expect(await bus.commands.progress(destination, "live")).toEqual(none);
  await bus.commands.dropConsumers(destination);
  await bus.commands.dropConsumers(destination);
  await expect(bus.commands.progress(destination, "live")).rejects.toMatchObject({
    code: "bus-not-provisioned",
  });
});

test("provisioning again, from two services at once, changes nothing", async () => {
  const before = await bus.streamInfo();
  await Promise.all([bus.provision(), bus.provision()]);
  expect(await bus.streamInfo()).toEqual(before);
});
