// Each server of the kit: starts, answers, and keeps its data and its port over a kill and a restart. Values are
// checked over the servers' own protocols, without the project's clients, so that the kit depends on none of them.

import { readFile, stat } from "node:fs/promises";
import { expect, test } from "vitest";
import {
  eventually,
  isAlive,
  type OpenBaoServer,
  startNats,
  startOpenBao,
  startRedis,
} from "../src/index.ts";
import { redisCall } from "./redis-call.ts";
import { natsRequest } from "../src/nats-request.ts";

async function bao(server: OpenBaoServer, method: string, path: string, body?: object): Promise<Response> {
  return await fetch(`${server.url}/v1/${path}`, {
    method,
    headers: { "X-Vault-Token": server.rootToken },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

test("a dev OpenBao has KVv2 at secret/ and writes its audit file", async () => {
  await using server = await startOpenBao();
  const written = await bao(server, "POST", "secret/data/app", { data: { key: "value" } });
  expect(written.status).toBe(200);
  const audited = await eventually(
    async () =>
      (await readFile(server.auditFile, "utf8")).split("\n").find((line) => line.includes("secret/data/app")),
    { what: "the write in the audit file" },
  );
  expect(audited).not.toContain('"value"');
});

test("a persistent OpenBao keeps secrets, token and port over kill -9", async () => {
  await using server = await startOpenBao({ persistent: true, rootToken: "my-root" });
  await bao(server, "POST", "secret/data/app", { data: { key: "kept" } });
  const before = server.pid;
  await server.kill();
  expect(server.pid).toBeUndefined();
  await expect(fetch(`${server.url}/v1/sys/health`)).rejects.toThrow("fetch failed");
  await server.restart();
  expect(server.pid).not.toBe(before);
  const read = await bao(server, "GET", "secret/data/app");
  expect(await read.json()).toMatchObject({ data: { data: { key: "kept" }, metadata: { version: 1 } } });
});

test("nats-server keeps a stream and its port over kill -9", async () => {
  await using server = await startNats();
  const created = await natsRequest(server.port, "$JS.API.STREAM.CREATE.KEPT", {
    name: "KEPT",
    subjects: ["kept"],
  });
  expect(created).toMatchObject({ config: { name: "KEPT" } });
  await natsRequest(server.port, "kept", { sequence: 1 });
  await server.kill();
  await server.restart();
  expect(await natsRequest(server.port, "$JS.API.STREAM.INFO.KEPT", {})).toMatchObject({
    state: { messages: 1 },
  });
});

test("a persistent Redis keeps what was acknowledged over kill -9", async () => {
  await using server = await startRedis({ persistent: true });
  expect(await redisCall(server.port, "SET kept value")).toBe("+OK");
  await server.kill();
  await server.restart();
  expect(await redisCall(server.port, "GET kept")).toContain("value");
});

test("a Redis without persistence forgets, and a replica follows its primary", async () => {
  await using primary = await startRedis();
  await using replica = await startRedis({ replicaOf: primary });
  await redisCall(primary.port, "SET copied value");
  await eventually(async () => (await redisCall(replica.port, "GET copied")).includes("value"), {
    what: "the key on the replica",
  });
  await primary.kill();
  await primary.restart();
  expect(await redisCall(primary.port, "GET copied")).toBe("$-1");
  expect(await redisCall(primary.port, "CONFIG GET maxmemory-policy")).toContain("noeviction");
});

test("a paused server takes a connection but answers only when resumed", async () => {
  await using server = await startRedis();
  await server.pause();
  let answered = false;
  const answer = redisCall(server.port, "PING").finally(() => {
    answered = true;
  });
  // A second server's start is work enough that an unpaused first one would have answered long before.
  await using _other = await startRedis();
  expect(answered).toBe(false);
  await server.resume();
  expect(await answer).toBe("+PONG");
});

test("stop leaves neither process nor folder, even of a paused server", async () => {
  const server = await startRedis();
  const { pid } = server;
  await server.pause();
  await server.stop();
  expect(isAlive(pid ?? 0)).toBe(false);
  await expect(stat(server.dir)).rejects.toThrow("ENOENT");
  await server.stop();
});

test("two servers of a kind run side by side", async () => {
  const [one, other] = await Promise.all([startNats(), startNats()]);
  await using _one = one;
  await using _other = other;
  expect(one.port).not.toBe(other.port);
  await natsRequest(one.port, "$JS.API.STREAM.CREATE.MINE", { name: "MINE", subjects: ["mine"] });
  expect(await natsRequest(other.port, "$JS.API.STREAM.INFO.MINE", {})).toMatchObject({
    error: { code: 404 },
  });
});

test("a port that was asked for and is taken is an error with the server's own words", async () => {
  await using server = await startRedis();
  await expect(startRedis({ port: server.port })).rejects.toThrow(/address already in use/iu);
});
