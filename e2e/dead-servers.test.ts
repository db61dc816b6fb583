// The services are started before any server is there: they live, say what they wait for, and are ready by themselves
// when it comes, in whatever order.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  eventually,
  freePort,
  SERVICE_NAMES,
  type Service,
  startNats,
  startOpenBao,
  startRedis,
  startService,
} from "@keyferry/testkit";
import { expect, test } from "vitest";
import { runFolder } from "./support/run-folder.ts";

interface Ports {
  readonly openbao: number;
  readonly nats: number;
  readonly redis: number;
  readonly health: readonly number[];
}

async function choosePorts(): Promise<Ports> {
  const [openbao, nats, redis] = [await freePort(), await freePort(), await freePort()];
  return { openbao, nats, redis, health: [await freePort(), await freePort(), await freePort()] };
}

async function writeConfiguration(dir: string, ports: Ports): Promise<string> {
  const listen = (index: number): string => `127.0.0.1:${ports.health[index]}`;
  const token = "${KEYFERRY_TOKEN}";
  const file = join(dir, "keyferry.yaml");
  const configuration = {
    source: { address: `http://127.0.0.1:${ports.openbao}` },
    nats: { servers: [`nats://127.0.0.1:${ports.nats}`] },
    redis: { url: `redis://127.0.0.1:${ports.redis}` },
    changeDetector: { listen: listen(0), token },
    associationService: { listen: listen(1), token, api: { listen: `127.0.0.1:${await freePort()}` } },
    azureSink: { listen: listen(2), token },
  };
  await writeFile(file, JSON.stringify(configuration));
  return file;
}

/** What `/readyz` says. */
async function readiness(service: Service): Promise<{ status: number; text: string }> {
  const answer = await fetch(`${service.url}/readyz`);
  return { status: answer.status, text: await answer.text() };
}

test("services that start before their servers wait, say for what, and become ready", async () => {
  await using folder = await runFolder();
  const ports = await choosePorts();
  const configFile = await writeConfiguration(folder.path, ports);
  const services = await Promise.all(
    SERVICE_NAMES.map((name, index) =>
      startService(name, {
        configFile,
        healthPort: ports.health[index] ?? 0,
        dir: join(folder.path, name),
        env: { KEYFERRY_TOKEN: "root" },
        waitFor: "live",
      }),
    ),
  );
  try {
    for (const service of services) {
      const says = await eventually(() => readiness(service), {
        what: `${service.name} to say what it waits for`,
        until: ({ text }) => text.includes(String(ports.nats)),
      });
      expect(says.status).toBe(503);
    }
    await using nats = await startNats({ port: ports.nats });
    await using openbao = await startOpenBao({ port: ports.openbao, rootToken: "root" });
    const [detector, association, sink] = services;
    for (const service of [detector, association]) {
      await eventually(async () => service?.isReady(), {
        what: `${service?.name} to be ready`,
        timeoutMs: 60_000,
      });
    }
    if (sink === undefined) throw new Error("the sink is missing");
    expect(await readiness(sink)).toMatchObject({ status: 503, text: expect.stringMatching(/redis/i) });
    await using redis = await startRedis({ port: ports.redis });
    await eventually(() => sink.isReady(), { what: "the sink to be ready", timeoutMs: 60_000 });
    // Each of them was really needed.
    expect([nats.pid, openbao.pid, redis.pid].every((pid) => pid !== undefined)).toBe(true);
  } finally {
    await Promise.all(services.map((service) => service.stop()));
  }
}, 180_000);

test("redis-evicts: a Redis that may drop keys keeps the sink from being ready until it is set right", async () => {
  await using folder = await runFolder();
  await using nats = await startNats();
  await using openbao = await startOpenBao({ rootToken: "root" });
  await using redis = await startRedis({ args: ["--maxmemory-policy", "allkeys-lru"] });
  const chosen = await choosePorts();
  const ports = { ...chosen, nats: Number(new URL(nats.url).port), openbao: openbao.port, redis: redis.port };
  const configFile = await writeConfiguration(folder.path, ports);
  const start = (name: "azure-sink" | "association-service", index: number, waitFor: "live" | "ready") =>
    startService(name, {
      configFile,
      healthPort: ports.health[index] ?? 0,
      dir: join(folder.path, name),
      env: { KEYFERRY_TOKEN: "root" },
      waitFor,
    });
  await using association = await start("association-service", 1, "ready");
  await using sink = await start("azure-sink", 2, "live");
  await eventually(() => readiness(sink), {
    what: "the sink to say what is wrong",
    until: ({ text }) => text.includes("allkeys-lru"),
  });
  expect(await association.isReady()).toBe(true);
}, 120_000);
