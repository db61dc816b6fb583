// `keyferry policy nats`: with these users on a real nats-server each service can do its work, and not another's.
import { type Bus, connectBus } from "@keyferry/bus";
import { fingerprintOf, type SyncCommand, type VersionEvent } from "@keyferry/contracts";
import { SecretValue, silentLogger, systemClock, systemRandom } from "@keyferry/ports";
import { type NatsServer, startNats } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { policyText } from "../src/operations/policies/policy-text.ts";

const PASSWORD = "a-password";
const DESTINATION = "destinationaaa";
const KEY = "a".repeat(26);
const SECRET = { source: "main", namespace: "", mount: "kv", accessor: "kv_1", path: "app" };

let nats: NatsServer;
const buses: Bus[] = [];

async function connectAs(user: string): Promise<Bus> {
  const bus = await connectBus({
    servers: [nats.url],
    name: user,
    user,
    password: new SecretValue(PASSWORD),
    logger: silentLogger,
    clock: systemClock,
    random: systemRandom,
  });
  buses.push(bus);
  return bus;
}

let association: Bus;
let detector: Bus;
let sink: Bus;

beforeAll(async () => {
  const options = { flavour: "openbao" as const, mounts: [], ownMount: "keyferry", vaults: [] };
  const config = policyText({ role: "nats", ...options }).replaceAll("<password>", PASSWORD);
  nats = await startNats({ config });
  association = await connectAs("keyferry-association");
  await association.provision();
  detector = await connectAs("keyferry-detector");
  sink = await connectAs("keyferry-sink");
  await Promise.all([detector, sink].map((bus) => bus.ready(AbortSignal.timeout(30_000))));
});

afterAll(async () => {
  await Promise.all(buses.map((bus) => bus.close()));
  await nats.stop();
});

const EVENT: VersionEvent = {
  major: 1,
  secret: SECRET,
  clusterId: "c",
  state: { kind: "gone" },
  fingerprint: fingerprintOf({ kind: "gone" }),
  changes: [{ kind: "first-seen" }],
  via: "hint",
  readStartedAt: 1,
};

const COMMAND: SyncCommand = {
  major: 1,
  epoch: 1,
  op: "unsync",
  destination: DESTINATION,
  association: "associationaaa",
  secretKey: KEY,
  secret: SECRET,
  spec: { granularity: "secret-path", nameTemplate: "x", customTags: {} },
  expect: null,
  permit: null,
  reason: "settle",
  resolvedFrom: { associationRevision: 0, stateSequence: 0 },
};

test("the change-detector publishes events, keeps its lease, and hears hints", async () => {
  expect((await detector.events.append("main", KEY, EVENT, 0)).kind).toBe("stored");
  expect(await association.events.last("main", KEY)).toMatchObject({
    value: { fingerprint: EVENT.fingerprint },
  });
  const seen: string[] = [];
  for await (const { key } of detector.events.loadLast("main", AbortSignal.timeout(10_000))) seen.push(key);
  expect(seen).toEqual([KEY]);
  expect((await detector.leases.read("detector.x")).revision).toBe(0);
});

test("the association-service publishes commands, and a sink consumes them and says how they ended", async () => {
  await association.commands.ensureConsumers(DESTINATION);
  await association.commands.put(DESTINATION, KEY, "live", COMMAND, 0);
  const taken = Promise.withResolvers<string>();
  const consumption = await sink.commands.consume(
    DESTINATION,
    "live",
    async ({ key }) => {
      taken.resolve(key);
      return { kind: "ack" };
    },
    { concurrency: 1 },
  );
  expect(await taken.promise).toBe(KEY);
  await consumption.close();
  await sink.deadLetters.publish(
    {
      major: 1,
      service: "azure-sink",
      subject: "x",
      sequence: 1,
      reason: "r",
      error: {},
      at: "2026-01-01T00:00:00Z",
    },
    DESTINATION,
    KEY,
  );
  const letters: string[] = [];
  for await (const { key } of association.deadLetters.list(AbortSignal.timeout(10_000))) letters.push(key);
  expect(letters).toEqual([KEY]);
});

test("every service answers who asks which there are", async () => {
  for (const [index, bus] of [detector, sink].entries()) {
    bus.presence.answer(() => ({
      major: 1,
      service: `service-${index}`,
      id: "x",
      version: "1",
      startedAt: 0,
      now: 0,
      waitingFor: [],
    }));
  }
  await expect
    .poll(async () => (await association.presence.ask(300)).map(({ service }) => service), {
      timeout: 20_000,
    })
    .toEqual(["service-0", "service-1"]);
});

test("a sink answers the association-service's questions about a connection and about a vault", async () => {
  const connection = {
    keyVaultUri: "https://kv.vault.azure.net",
    tenantId: "t",
    clientId: "c",
    credential: { kind: "environment" as const },
  };
  sink.connectionChecks.answer(async () => [{ check: "list", ok: true, detail: "", isCertain: false }]);
  sink.vaultLooks.answer(async () => ({ major: 1, names: [], notLooked: [], failure: "asked" }));
  const question = { major: 1, destination: "kv", connection, waitMs: 1_000 } as const;
  await expect
    .poll(() => association.connectionChecks.ask({ ...question, write: false }), { timeout: 20_000 })
    .toHaveLength(1);
  await expect
    .poll(() => association.vaultLooks.ask({ ...question, kind: "names", names: [] }), { timeout: 20_000 })
    .toMatchObject({ failure: "asked" });
});

test("a sink can't order, and a detector can't say how a command ended", async () => {
  await expect(sink.commands.put(DESTINATION, KEY, "bulk", COMMAND, 1)).rejects.toThrow(/Publishing/);
  await expect(sink.events.append("main", KEY, EVENT, 1)).rejects.toThrow(/Publishing/);
  expect((await association.commands.last(DESTINATION, KEY))?.sequence).toBe(1);
}, 60_000);
