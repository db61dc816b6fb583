// Whatever lies on a stream, a consumer goes on: what can't be read ends as a dead letter and is not handed out again,
// and the message after it arrives. 40 messages a stream as a rule; KF_FUZZ_RUNS=5000 KF_PROP_SEED=7 for more, or others.
import { silentLogger, systemClock, systemRandom } from "@keyferry/ports";
import { eventually, type NatsServer, startNats } from "@keyferry/testkit";
import { jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bus, connectBus } from "../src/index.ts";
import { command, DESTINATION, keyNumber } from "./world.ts";

const RUNS = Math.min(Number(process.env["KF_FUZZ_RUNS"] ?? 40), 50_000);
const SEED = Number(process.env["KF_PROP_SEED"] ?? 20_261_124);

let nats: NatsServer;
let bus: Bus;

beforeAll(async () => {
  nats = await startNats();
  bus = await connectBus({
    servers: [nats.url],
    name: "test",
    logger: silentLogger,
    clock: systemClock,
    random: systemRandom,
  });
  await bus.provision();
});

afterAll(async () => {
  await bus.close();
  await nats.stop();
});

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
/** Of a valid command, so that most of it is right and one thing is not. */
const spoiled = fc
  .tuple(
    fc.constantFrom(...Object.keys(command(keyNumber(0)))),
    // Majors that are not known are kept for a newer service, which is another test's matter.
    fc.oneof(fc.constantFrom(null, -1, "", "__proto__", [], {}), fc.double(), fc.string({ maxLength: 50 })),
  )
  .filter(([field]) => field !== "major")
  .map(([field, value]) => text(JSON.stringify({ ...command(keyNumber(0)), [field]: value })));
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.json().map(text),
  fc
    .constantFrom("", "null", "[]", "{", '{"major":1}', '{"__proto__":{"major":1}}', "[".repeat(20_000))
    .map(text),
  spoiled,
);

async function letters(): Promise<number> {
  let count = 0;
  for await (const _letter of bus.deadLetters.list(AbortSignal.timeout(30_000))) count += 1;
  return count;
}

/** A payload that happens to be one the schema takes, or is of another major, is no case of this test. */
function isUnreadable(bytes: Uint8Array): boolean {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as { major?: unknown } | null;
    return !(typeof value?.major === "number" && value.major !== 1);
  } catch {
    return true;
  }
}

test("commands that can't be read become dead letters, and the next good command is handled", async () => {
  const payloads = fc.sample(payload, { seed: SEED, numRuns: RUNS }).filter(isUnreadable);
  await using connection = await openRaw();
  const before = await letters();
  await bus.commands.ensureConsumers(DESTINATION);
  const handled: string[] = [];
  await using _consumption = await bus.commands.consume(
    DESTINATION,
    "live",
    async ({ key }) => {
      handled.push(key);
      return { kind: "ack" };
    },
    { concurrency: 4 },
  );
  // One name each: the stream keeps the last command of a name alone.
  for (const [index, bytes] of payloads.entries()) {
    await connection.publish(`sync.desired.${DESTINATION}.${keyNumber(index + 1)}.live`, bytes);
  }
  const good = keyNumber(60_000);
  expect(await bus.commands.put(DESTINATION, good, "live", command(good), 0)).toMatchObject({
    kind: "stored",
  });
  await eventually(() => handled.includes(good), { what: "the good command to be handled" });
  // A spoiled one may be valid after all, by chance; each is one or the other, and none is lost.
  const decided = async () => (await letters()) - before + handled.length - 1;
  await eventually(decided, {
    what: "each to be a dead letter or handled",
    until: (count) => count === payloads.length,
    timeoutMs: 60_000,
  });
  expect(await decided()).toBe(payloads.length);
});

test("events that can't be read become dead letters, and stop neither the resolver's durable nor a reader", async () => {
  const payloads = fc.sample(payload, { seed: SEED + 1, numRuns: RUNS }).filter(isUnreadable);
  await using connection = await openRaw();
  const before = await letters();
  let handled = 0;
  await using _consumption = await bus.events.consume(
    async () => {
      handled += 1;
      return { kind: "ack" };
    },
    { concurrency: 4 },
  );
  for (const [index, bytes] of payloads.entries()) {
    await connection.publish(`kv2.event.bWFpbg.${keyNumber(index + 1)}`, bytes);
  }
  const decided = async () => (await letters()) - before + handled;
  await eventually(decided, {
    what: "each to be a dead letter or handled",
    until: (count) => count === payloads.length,
    timeoutMs: 60_000,
  });
});

async function openRaw(): Promise<
  AsyncDisposable & { publish: (subject: string, bytes: Uint8Array) => Promise<unknown> }
> {
  const connection = await connect({ servers: [nats.url] });
  const stream = jetstream(connection);
  return {
    publish: (subject, bytes) => stream.publish(subject, bytes),
    [Symbol.asyncDispose]: () => connection.close(),
  };
}
