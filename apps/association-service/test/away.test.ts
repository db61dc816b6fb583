// Servers that are away: the service waits, says what for, and refuses requests with 503 instead of hanging or guessing.
import { eventually, startNats, startOpenBao } from "@keyferry/testkit";
import { expect, test } from "vitest";
import { startWorld } from "./support/world.ts";

const PATH = "sys/sync/destinations/azure-kv/away";

test("NATS away: 503 names NATS, readiness says so, and it goes on when NATS is back", async () => {
  await using world = await startWorld();
  await world.createDestination("away");
  await world.nats.kill();
  const refused = await eventually(
    async () => {
      const answer = await world.call("GET", PATH);
      return answer.status === 503 ? answer : undefined;
    },
    { what: "a 503" },
  );
  expect(refused.errors.join()).toContain("NATS");
  expect(world.service.waiting().join()).toMatch(/nats/i);
  await world.nats.start();
  await eventually(async () => (await world.call("GET", PATH)).status === 200, { what: "an answer again" });
  await eventually(() => world.service.waiting().length === 0, { what: "readiness again" });
});

test("the source away: 503 names the source, and it goes on when the source is back", async () => {
  const [bao, nats] = await Promise.all([startOpenBao({ persistent: true }), startNats()]);
  await using world = await startWorld({ servers: { bao, nats } });
  await world.createDestination("away");
  await bao.kill();
  const refused = await eventually(
    async () => {
      const answer = await world.call("PUT", PATH, {});
      return answer.status === 503 ? answer : undefined;
    },
    { what: "a 503" },
  );
  expect(refused.errors.join()).toMatch(/source|Vault|OpenBao/);
  await eventually(() => world.service.waiting().length > 0, { what: "readiness to say so" });
  await bao.start();
  await eventually(async () => (await world.call("GET", PATH)).status === 200, { what: "an answer again" });
  await Promise.all([bao.stop(), nats.stop()]);
});

test("tag keys, instance id and key of <k> are made once and survive a restart", async () => {
  await using world = await startWorld();
  const instance = (await world.bus.instance.get("instance"))?.value;
  const keys = await world.vault("GET", "keyferry/data/instance/tag-keys");
  const stored = keys.data["data"] as { active: string; keys: string };
  const parsed = JSON.parse(stored.keys) as Record<string, string>;
  expect(Buffer.from(parsed[stored.active] ?? "", "base64")).toHaveLength(32);
  expect((await world.vault("GET", "keyferry/data/instance/id")).data["data"]).toEqual({
    id: instance?.instanceId,
  });
  await world.restart();
  expect((await world.bus.instance.get("instance"))?.value).toEqual(instance);
  const after = await world.vault("GET", "keyferry/data/instance/tag-keys");
  expect(after.data["data"]).toEqual(stored);
});
