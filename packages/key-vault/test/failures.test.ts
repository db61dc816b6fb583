// Failures as Keyferry's own errors: which code, which facts, and above all: was it sent or not. P4 hangs on that.
import { createServer, type Server } from "node:net";
import { once } from "node:events";
import { KeyferryError } from "@keyferry/errors";
import { SecretValue } from "@keyferry/ports";
import { eventually } from "@keyferry/testkit";
import { expect, test } from "vitest";
import { call, optionsFor, rejection, startWorld, VAULT } from "./world.ts";

const secret = { value: new SecretValue("v"), tags: {} };

test.each([
  [400, "BadParameter", undefined, "vault-rejected"],
  [403, "Forbidden", "ForbiddenByRbac", "vault-denied"],
  [403, "Forbidden", "ForbiddenByFirewall", "vault-denied"],
  [429, "Throttled", undefined, "vault-throttled"],
  [500, "InternalServerError", undefined, "vault-error"],
  [503, "ServiceUnavailable", undefined, "vault-error"],
])("%i %s %s is %4$s and is sent once", async (status, code, innerCode, expected) => {
  await using world = await startWorld();
  const { vault, emulator } = world;
  await vault.prime(call());
  emulator.oracle.reset();
  const inner = innerCode === undefined ? {} : { innerCode };
  emulator.faults.add({ fault: { kind: "error", status, code, ...inner }, operations: ["set"] });
  const error = await rejection(vault.put("a", secret, call()));
  expect(error).toBeInstanceOf(KeyferryError);
  expect(error).toMatchObject({
    code: expected,
    details: { operation: "put", status, code, innerCode: innerCode ?? null },
  });
  expect((error as KeyferryError).details["requestId"]).toMatch(/\S/);
  expect(emulator.oracle.requests({ vault: VAULT })).toHaveLength(1);
});

test("a 429 keeps Azure's Retry-After if there is one", async () => {
  await using world = await startWorld();
  const { vault, emulator } = world;
  emulator.faults.add({
    fault: { kind: "error", status: 429, code: "Throttled", retryAfterSeconds: 7 },
    operations: ["set"],
    count: 1,
  });
  await expect(vault.put("a", secret, call())).rejects.toMatchObject({ details: { retryAfterMs: 7_000 } });
  emulator.faults.add({ fault: { kind: "error", status: 429, code: "Throttled" }, operations: ["set"] });
  const error = (await rejection(vault.put("a", secret, call()))) as KeyferryError;
  expect(error.details).not.toHaveProperty("retryAfterMs");
});

test.each(["reset-after", "reset-before"] as const)(
  "a connection that ends without an answer (%s) leaves a put unclear, and a read merely unanswered",
  async (kind) => {
    await using world = await startWorld();
    const { vault, emulator } = world;
    emulator.faults.add({
      fault: { kind },
      operations: ["set", "delete", "recover", "update", "listVersions"],
    });
    const version = "0".repeat(32);
    for (const write of [
      () => vault.put("a", secret, call()),
      () => vault.patch("a", version, { tags: {} }, call()),
      () => vault.delete("a", call()),
      () => vault.recover("a", call()),
    ]) {
      await expect(write()).rejects.toMatchObject({ code: "answer-lost" });
    }
    await expect(vault.versions("a", { ...call(), pagesMax: 1 })).rejects.toMatchObject({
      code: "vault-unreachable",
    });
  },
);

test("a write that waited for a socket, and got one that was up already, is unclear when its answer is lost", async () => {
  await using world = await startWorld();
  const { emulator } = world;
  const vault = world.connect({ maxSockets: 1 });
  await vault.prime(call());
  emulator.faults.add({ fault: { kind: "reset-after" }, operations: ["set"], namePattern: "^b$" });
  const first = vault.put("a", secret, call());
  const second = rejection(vault.put("b", secret, call()));
  expect(await first).toMatchObject({ kind: "put" });
  expect(await second).toMatchObject({ code: "answer-lost" });
});

test("a success that cannot be read is a lost answer: the version is there", async () => {
  await using world = await startWorld();
  const { vault, emulator } = world;
  emulator.faults.add({ fault: { kind: "truncated-json" }, operations: ["set"], count: 1 });
  await expect(vault.put("a", secret, call())).rejects.toMatchObject({
    code: "answer-lost",
    details: { status: 200 },
  });
  expect((await vault.versions("a", { ...call(), pagesMax: 1 })).versions).toHaveLength(1);
});

test("a write that is given up while it is on its way is unclear, and so is one that runs out of time", async () => {
  await using world = await startWorld();
  const { emulator } = world;
  const { vault } = world;
  await vault.prime(call());
  const hold = emulator.faults.add({ fault: { kind: "hold" }, operations: ["set"], count: 2 });
  const giveUp = new AbortController();
  const given = rejection(vault.put("a", secret, { signal: giveUp.signal }));
  await eventually(() => hold.held === 1, { what: "the put is held" });
  giveUp.abort();
  expect(await given).toMatchObject({ code: "answer-lost", details: { code: "aborted" } });

  const hasty = world.connect({ requestTimeoutMs: 300 });
  expect(await rejection(hasty.put("b", secret, call()))).toMatchObject({
    code: "answer-lost",
    details: { code: "timeout" },
  });
  // The hazard itself: both land after everybody gave up.
  hold.release(2);
  await eventually(() => emulator.oracle.effects({ vault: VAULT }).length === 2, {
    what: "both puts landed",
  });
});

test("what is aborted before it is sent is just aborted", async () => {
  await using world = await startWorld();
  const signal = AbortSignal.abort();
  await expect(world.vault.put("a", secret, { signal })).rejects.toMatchObject({ code: "operation-aborted" });
  await world.vault.prime(call());
  await expect(world.vault.delete("a", { signal })).rejects.toMatchObject({ code: "operation-aborted" });
  expect(world.emulator.oracle.effects()).toEqual([]);
});

test("nobody listening, no such host, no TLS: surely not sent", async () => {
  await using world = await startWorld();
  const { vault, emulator } = world;
  await vault.put("a", secret, call());
  const { port } = emulator;
  await emulator.close();
  await expect(vault.put("a", secret, call())).rejects.toMatchObject({
    code: expect.stringMatching(/^vault-unreachable|^answer-lost/) as string,
  });
  // The kept connection is gone now; the next put meets a closed port.
  await expect(vault.put("a", secret, call())).rejects.toMatchObject({
    code: "vault-unreachable",
    details: { code: "ECONNREFUSED" },
  });
  const nowhere = world.connect({ emulator: { address: `keyferry.invalid:${port}` } });
  await expect(nowhere.put("a", secret, call())).rejects.toMatchObject({ code: "vault-unreachable" });
  const plain = createServer((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\n"));
  await listening(plain);
  const noTls = world.connect({ emulator: { address: `127.0.0.1:${portOf(plain)}` } });
  await expect(noTls.put("a", secret, call())).rejects.toMatchObject({ code: "vault-unreachable" });
  plain.close();
});

test("a server whose certificate nobody vouches for gets nothing", async () => {
  await using world = await startWorld();
  await using stranger = await startWorld();
  const vault = world.connect({ ca: stranger.emulator.caPem });
  await expect(vault.put("a", secret, call())).rejects.toMatchObject({ code: "vault-unreachable" });
  expect(world.emulator.oracle.snapshot().requests).toBe(0);
});

test("a wrong client secret is told by Entra's code, and nothing is sent to the vault but the handshake", async () => {
  await using world = await startWorld();
  const { credential } = optionsFor(world.emulator);
  const clientSecret = new SecretValue("not-the-secret");
  const vault = world.connect({ credential: { ...credential, clientSecret } });
  const error = await rejection(vault.put("a", secret, call()));
  expect(error).toMatchObject({
    code: "vault-credential",
    details: { aadsts: expect.stringMatching(/^AADSTS\d+$/) as string },
  });
  expect(world.emulator.oracle.requests({ vault: VAULT }).every(({ hadToken }) => !hadToken)).toBe(true);
});

test("an authority that fails is unreachable, and the next call works", async () => {
  await using world = await startWorld();
  const { vault, emulator } = world;
  emulator.faults.add({ fault: { kind: "error", status: 503 }, operations: ["token"], count: 1 });
  await expect(vault.put("a", secret, call())).rejects.toMatchObject({
    code: "vault-unreachable",
    details: { operation: "token" },
  });
  emulator.faults.add({ fault: { kind: "reset-before" }, operations: ["token"], count: 1 });
  await expect(vault.put("a", secret, call())).rejects.toMatchObject({ code: "vault-unreachable" });
  expect(await vault.put("a", secret, call())).toMatchObject({ kind: "put" });
});

test("tokens that were revoked are replaced without anybody noticing", async () => {
  await using world = await startWorld();
  const { vault, emulator } = world;
  await vault.put("a", secret, call());
  emulator.faults.add({ fault: { kind: "claims-challenge" }, count: 1 });
  expect(await vault.put("a", secret, call())).toMatchObject({ kind: "put" });
  expect(await vault.delete("a", call())).toEqual({ kind: "deleted" });
});

test("a role that may only write, as the docs print it, is enough for everything but a purge", async () => {
  const actions = ["setSecret", "readMetadata", "update", "delete", "recover"] as const;
  await using world = await startWorld({
    principals: [
      {
        clientId: "11111111-2222-3333-4444-555555555555",
        clientSecret: "writer-only-secret",
        access: { model: "rbac", actions: [...actions] },
      },
    ],
  });
  const { credential } = optionsFor(world.emulator);
  const vault = world.connect({
    credential: {
      ...credential,
      clientId: "11111111-2222-3333-4444-555555555555",
      clientSecret: new SecretValue("writer-only-secret"),
    },
  });
  const put = await vault.put("a", secret, call());
  if (put.kind !== "put") throw new Error(put.kind);
  expect(await vault.patch("a", put.version, { tags: { a: "b" } }, call())).toEqual({ kind: "patched" });
  expect(await vault.delete("a", call())).toEqual({ kind: "deleted" });
  expect((await vault.deleted("a", call())).kind).toBe("deleted");
  expect(await vault.recover("a", call())).toEqual({ kind: "recovering" });
  expect((await vault.versions("a", { ...call(), pagesMax: 1 })).versions).toHaveLength(1);
  await vault.delete("a", call());
  await expect(vault.purge("a", call())).rejects.toMatchObject({ code: "vault-denied" });
});

async function listening(server: Server): Promise<void> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
