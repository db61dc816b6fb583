// NATS killed and started again under a bus: calls fail with a code of ours meanwhile, and everything goes on by itself.
import type { InstanceRecord } from "@keyferry/contracts";
import { silentLogger, systemClock, systemRandom } from "@keyferry/ports";
import { eventually, freePort, startNats } from "@keyferry/testkit";
import { expect, test } from "vitest";
import { connectBus } from "../src/index.ts";

const RECORD: InstanceRecord = { major: 1, instanceId: "aaaaaaaaaaaaa", secretKeyKey: "k", createdAt: "" };
const PORTS = { logger: silentLogger, clock: systemClock, random: systemRandom };

test("a bus that was opened before NATS was there becomes ready when it comes", async () => {
  const port = await freePort();
  const stop = new AbortController();
  await using bus = await connectBus({ servers: [`nats://127.0.0.1:${port}`], name: "early", ...PORTS });
  expect(bus.status()).toMatchObject({ connected: false, why: expect.stringContaining(String(port)) });
  await expect(bus.instance.get("instance")).rejects.toMatchObject({
    code: "bus-unreachable",
    retry: "later",
  });
  await using nats = await startNats({ port });
  expect(nats.port).toBe(port);
  await eventually(async () => bus.status().connected, { what: "the connection" });
  expect(bus.status().why).toContain("association-service");
  await bus.provision();
  await bus.ready(stop.signal);
  expect(bus.status()).toEqual({ connected: true, provisioned: true });
});

test("after a kill of NATS what was stored is there, consumers go on and views catch up", async () => {
  await using nats = await startNats();
  await using bus = await connectBus({ servers: [nats.url], name: "outage", ...PORTS });
  const stop = new AbortController();
  await bus.provision();
  const view = await bus.instance.watch(stop.signal);
  const seen: string[] = [];
  const consumption = await bus.associations.consume(
    "resolver-associations",
    async ({ key }) => {
      seen.push(key);
      return { kind: "ack" };
    },
    { concurrency: 2 },
  );
  await bus.instance.put("before", RECORD, 0);
  await view.caughtUp();

  await nats.kill();
  await expect(bus.instance.get("before")).rejects.toMatchObject({ code: "bus-unreachable" });
  await nats.restart();

  await eventually(async () => (await bus.instance.get("before"))?.value.secretKeyKey === "k", {
    what: "the record",
  });
  await eventually(async () => (await bus.instance.put("after", RECORD, 0)).kind === "stored", {
    what: "a write",
  });
  await eventually(async () => view.caughtUp().then(() => view.get("after") !== undefined), {
    what: "the view",
  });
  const association = {
    major: 1 as const,
    uid: "aaaaaaaaaaaaa",
    state: "active" as const,
    destination: "aaaaaaaaaaaaa",
    secretKey: "a".repeat(26),
    secret: { source: "main", namespace: "", mount: "kv", accessor: "kv_1", path: "app" },
    spec: { granularity: "secret-path" as const, nameTemplate: "x", customTags: {} },
    createdAt: "",
    updatedAt: "",
  };
  await bus.associations.put("aaaaaaaaaaaaa.key", association, 0);
  await eventually(async () => seen.includes("aaaaaaaaaaaaa.key"), { what: "the consumer" });
  await consumption.close();
  stop.abort();
});
