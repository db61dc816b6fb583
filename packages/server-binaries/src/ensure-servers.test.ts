import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ensureServers } from "./index.mjs";

let folder: string;
let env: NodeJS.ProcessEnv;
let told: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keyferry-servers-"));
  env = { PATH: join(folder, "bin"), KEYFERRY_CACHE: join(folder, "cache") };
  told = [];
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function writeServer(path: string, prints: string): Promise<void> {
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho '${prints}'\n`);
  await chmod(path, 0o755);
}

async function fillCache(): Promise<void> {
  const key = `nats-server-2.15.1-${process.platform}-${process.arch}`;
  await writeServer(join(folder, "cache", key, "nats-server"), "nats-server: v2.15.1");
  const stamp = JSON.stringify({ version: "2.15.1", binary: "nats-server" });
  await writeFile(join(folder, "cache", key, "server.json"), stamp);
}

async function ensureNats() {
  const { natsServer } = await ensureServers({
    only: ["nats-server"],
    env,
    progress: (line) => told.push(line),
  });
  return natsServer;
}

test("a server on PATH that is new enough comes before the cache", async () => {
  await writeServer(join(folder, "bin", "nats-server"), "nats-server: v2.14.0");
  await fillCache();
  expect(await ensureNats()).toMatchObject({ source: "path", version: "2.14.0" });
  expect(told).toEqual([`nats-server 2.14.0: from PATH (${join(folder, "bin", "nats-server")})`]);
});

test("a server on PATH that is too old is passed over for the cache", async () => {
  await writeServer(join(folder, "bin", "nats-server"), "nats-server: v2.9.10");
  await fillCache();
  expect(await ensureNats()).toMatchObject({ source: "cache", version: "2.15.1" });
  expect(told).toEqual(["nats-server 2.15.1: from cache"]);
});

test("a server on PATH that was replaced since is looked at again", async () => {
  await writeServer(join(folder, "bin", "nats-server"), "nats-server: v2.14.0");
  await ensureNats();
  await writeServer(join(folder, "bin", "nats-server"), "replaced by nats-server: v2.14.1");
  expect(await ensureNats()).toMatchObject({ version: "2.14.1" });
});

test("the override variable comes before everything", async () => {
  await writeServer(join(folder, "bin", "nats-server"), "nats-server: v2.14.0");
  await writeServer(join(folder, "mine"), "nats-server: v2.13.0");
  env["KEYFERRY_NATS_SERVER"] = join(folder, "mine");
  expect(await ensureNats()).toMatchObject({
    source: "override",
    path: join(folder, "mine"),
    version: "2.13.0",
  });
});

test("a server that one test alone wants is looked for only where it is named", async () => {
  await writeServer(join(folder, "bin", "nginx"), "nginx version: nginx/1.22.1");
  for (const [name, version] of Object.entries({
    bao: "2.7.2",
    "nats-server": "2.15.1",
    "redis-server": "7.4.2",
  })) {
    await writeServer(join(folder, "bin", name), `v${version}`);
  }
  expect(Object.keys(await ensureServers({ env }))).toEqual(["bao", "natsServer", "redisServer"]);
  const { nginx } = await ensureServers({ only: ["nginx"], env });
  expect(nginx).toMatchObject({ source: "path", version: "1.22.1" });
});

test("an override that is too old is an error that names the variable, not passed over", async () => {
  await writeServer(join(folder, "mine"), "nats-server: v2.9.10");
  env["KEYFERRY_NATS_SERVER"] = join(folder, "mine");
  await expect(ensureNats()).rejects.toThrow(/KEYFERRY_NATS_SERVER=.*2\.9\.10.*2\.12\.7/u);
});
