// Streams that reach their limits, are made anew, or answer into the void.
import { silentLogger, systemRandom } from "@keyferry/ports";
import { eventually, type NatsServer, startNats } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Bus } from "../src/index.ts";
import { Link } from "../src/link.ts";
import { compareAndSet, readLast, type Table } from "../src/table.ts";
import { command, DESTINATION, keyNumber, lookBehind, openBus, record } from "./world.ts";

let nats: NatsServer;
let bus: Bus;

beforeAll(async () => {
  nats = await startNats();
  bus = await openBus([nats.url]);
  await bus.provision();
});

afterAll(async () => {
  await bus.close();
  await nats.stop();
});

test("intents-evict-outcome: after more attempts than a subject keeps, the last message is the whole record", async () => {
  const key = keyNumber(1);
  const applied = {
    fence: { epoch: 1, sequence: 1 },
    incarnation: "A",
    version: 1,
    keyVaultVersion: "kv-1",
    digest: "d",
    tagsDigest: "t",
    at: "",
  };
  const names = { app: { name: "app", applied, state: "live" as const, intent: null } };
  let sequence = 0;
  for (let attempt = 0; attempt < 30; attempt += 1) {
    const kind = attempt === 0 ? "outcome" : "intent";
    const result = await bus.results.append(DESTINATION, key, record(key, { kind, names }), sequence);
    if (result.kind === "lost") throw new Error("somebody else wrote");
    ({ sequence } = result);
  }
  const last = await bus.results.last(DESTINATION, key);
  expect(last).toMatchObject({ sequence, value: { names, outcome: { kind: "synced" } } });
});

test("all records of a destination come once, and only its own", async () => {
  const other = "destinationbb";
  const key = keyNumber(2);
  await bus.results.append(other, key, record(key, { destination: other }), 0);
  const found: string[] = [];
  for await (const { value } of bus.results.loadLast(other, AbortSignal.timeout(20_000))) {
    found.push(value.secretKey);
  }
  expect(found).toEqual([key]);
  const none: unknown[] = [];
  for await (const one of bus.results.loadLast("destinationcc", AbortSignal.timeout(20_000))) none.push(one);
  expect(none).toEqual([]);
});

test("table-full: a table at its limit refuses new rows by name, and drops none of those it has", async () => {
  await using behind = await lookBehind([nats.url]);
  const stream = "SYNC_DESIRED";
  const { config } = await behind.jsm.streams.info(stream);
  const key = keyNumber(10);
  const spec = { granularity: "secret-path", nameTemplate: "x".repeat(2_000), customTags: {} } as const;
  await bus.commands.put(DESTINATION, key, "live", command(key), 0);
  await behind.jsm.streams.update(stream, { ...config, max_bytes: 20_000 });
  const fill = async (): Promise<void> => {
    for (let index = 11; index < 40; index += 1) {
      const next = keyNumber(index);
      await bus.commands.put(DESTINATION, next, "live", command(next, { spec }), 0);
    }
  };
  await expect(fill()).rejects.toMatchObject({ code: "bus-full", retry: "later" });
  expect(await bus.commands.last(DESTINATION, key)).toMatchObject({ value: { secretKey: key } });
  await behind.jsm.streams.update(stream, config);
  const after = keyNumber(50);
  expect(await bus.commands.put(DESTINATION, after, "live", command(after), 0)).toMatchObject({
    kind: "stored",
  });
});

test("reader-deaf-after-recreate: a consumer takes from the first message of a stream that was made anew", async () => {
  const seen: number[] = [];
  await bus.commands.ensureConsumers(DESTINATION);
  await using _consumption = await bus.commands.consume(
    DESTINATION,
    "live",
    async ({ entry }) => {
      seen.push(entry.sequence);
      return { kind: "ack" };
    },
    { concurrency: 1 },
  );
  await eventually(() => seen.length > 0, { what: "the messages of before" });
  await using behind = await lookBehind([nats.url]);
  await behind.jsm.streams.delete("SYNC_DESIRED");
  await bus.provision();
  await bus.commands.ensureConsumers(DESTINATION);
  seen.length = 0;
  const key = keyNumber(60);
  await bus.commands.put(DESTINATION, key, "live", command(key), 0);
  await eventually(() => seen.includes(1), {
    what: "the first message of the new stream",
    timeoutMs: 20_000,
  });
});

test("cas-lost-or-unknown: a write whose answer was lost finds its own body; one that was overtaken says lost", async () => {
  const link = new Link({ servers: [nats.url], name: "test", logger: silentLogger, random: systemRandom });
  const real = await link.connected();
  let answersLost = 1;
  const deafJs = Object.create(real.js, {
    publish: {
      value: async (...args: Parameters<typeof real.js.publish>) => {
        const ack = await real.js.publish(...args);
        answersLost -= 1;
        if (answersLost >= 0) throw new Error("timeout");
        return ack;
      },
    },
  }) as typeof real.js;
  const deaf = { now: () => ({ ...real, js: deafJs }), turn: () => link.turn() } as unknown as Link;
  const table: Table = { link: deaf, stream: "SYNC_DESIRED", messageType: "test.v1", random: systemRandom };
  const subject = `sync.desired.${DESTINATION}.${keyNumber(70)}.live`;
  const body = Buffer.from('{"major":1}');
  const stored = await compareAndSet(table, subject, body, { expected: 0 });
  expect(stored).toEqual({ kind: "stored", sequence: (await readLast(table, subject))?.sequence });
  expect(await compareAndSet(table, subject, Buffer.from('{"major":2}'), { expected: 0 })).toEqual({
    kind: "lost",
  });
  await link.close();
});
