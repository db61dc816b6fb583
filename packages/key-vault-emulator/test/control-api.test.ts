// Proves: other processes can do over the control API what a test does with the handles.
import { afterAll, beforeAll, expect, test } from "vitest";
import { DEFAULT_CLIENT_ID, sha256, startKeyVaultEmulator } from "../src/index.ts";
import type { KeyVaultEmulator } from "../src/index.ts";
import { loopbackAgent, sendRaw } from "./support/https-client.ts";
import type { RawAnswer } from "./support/https-client.ts";

let emulator: KeyVaultEmulator;
let agent: ReturnType<typeof loopbackAgent>;

beforeAll(async () => {
  emulator = await startKeyVaultEmulator({ frozenClock: true });
  agent = loopbackAgent(emulator.caPem);
});

afterAll(async () => {
  agent.destroy();
  await emulator.close();
});

function control(method: string, path: string, body?: unknown): Promise<RawAnswer> {
  const text = body === undefined ? {} : { body: JSON.stringify(body) };
  return sendRaw(agent, { method, url: `${emulator.controlUrl}/${path}`, ...text });
}

function data(vault: string, method: string, path: string, body?: unknown): Promise<RawAnswer> {
  const text = body === undefined ? {} : { body: JSON.stringify(body) };
  const headers = { authorization: `Bearer ${emulator.issueToken()}` };
  return sendRaw(agent, {
    method,
    url: `${emulator.vaultUrl(vault)}${path}?api-version=7.6`,
    headers,
    ...text,
  });
}

test("health says ok", async () => {
  expect(await control("GET", "health")).toMatchObject({ status: 200, json: { status: "ok" } });
});

test("the log shows requests and effects, with digests in place of values", async () => {
  await data("log", "PUT", "/secrets/shown", { value: "do-not-log-me", tags: { a: "b" } });
  const { text, json } = await control("GET", "log?vault=log");
  expect(text).not.toContain("do-not-log-me");
  expect(json["requests"]).toMatchObject([{ operation: "set", name: "shown", status: 200, leak: false }]);
  expect(json["effects"]).toMatchObject([
    { kind: "set", name: "shown", tags: { a: "b" }, valueSha256: sha256("do-not-log-me") },
  ]);
});

test("the log can be read on from where it was", async () => {
  await data("log-on", "PUT", "/secrets/a", { value: "v" });
  const first = await control("GET", "log?vault=log-on");
  const [{ seq = 0 } = {}] = first.json["effects"] as { seq?: number }[];
  await data("log-on", "PUT", "/secrets/b", { value: "v" });
  const { json } = await control("GET", `log?vault=log-on&effectsAfter=${seq}`);
  expect(json["effects"]).toMatchObject([{ name: "b" }]);
});

test("the state shows versions, tags and phases, and values only when asked to", async () => {
  await data("shown", "PUT", "/secrets/a", { value: "hidden-value", tags: { t: "1" } });
  const closed = await control("GET", "secrets?vault=shown");
  expect(closed.text).not.toContain("hidden-value");
  expect(closed.json).toMatchObject({
    vaults: {
      shown: [
        { name: "a", phase: "active", versions: [{ tags: { t: "1" }, valueSha256: sha256("hidden-value") }] },
      ],
    },
  });
  const open = await control("GET", "secrets?vault=shown&reveal=true");
  expect(open.json).toMatchObject({ vaults: { shown: [{ value: "hidden-value" }] } });
});

test("a managed secret can be put", async () => {
  await control("POST", "secrets", { vault: "managed", name: "certificate" });
  expect(emulator.state("managed")).toMatchObject([{ name: "certificate", managed: true }]);
});

test("faults can be added, seen, released and taken away", async () => {
  const { json } = await control("POST", "faults", {
    fault: { kind: "error", status: 503 },
    vault: "faulty",
    count: 1,
  });
  const { id } = json as { id: string };
  expect((await data("faulty", "GET", "/secrets")).status).toBe(503);
  expect((await control("GET", "faults")).json).toMatchObject({ faults: [{ id, fired: 1, held: 0 }] });
  expect((await control("DELETE", `faults/${id}`)).status).toBe(200);
  expect((await control("GET", "faults")).json).toEqual({ faults: [] });
});

test("a held call is released from outside", async () => {
  const { json } = await control("POST", "faults", { fault: { kind: "hold" }, vault: "held" });
  const { id } = json as { id: string };
  const call = data("held", "PUT", "/secrets/a", { value: "v" });
  await expect
    .poll(async () => (await control("GET", "faults")).json)
    .toMatchObject({ faults: [{ held: 1 }] });
  await control("POST", `faults/${id}/release`);
  expect((await call).status).toBe(200);
  await control("DELETE", "faults");
});

test("the clock goes forward, and deletion with it", async () => {
  await data("clock", "PUT", "/secrets/a", { value: "v" });
  await data("clock", "DELETE", "/secrets/a");
  const before = (await control("GET", "clock")).json["nowMs"];
  const after = (await control("POST", "clock", { advanceMs: 5_000 })).json["nowMs"];
  expect(Number(after) - Number(before)).toBe(5_000);
  expect((await data("clock", "GET", "/deletedsecrets/a")).status).toBe(200);
});

test("the clock does not go back", async () => {
  expect((await control("POST", "clock", { advanceMs: -1 })).status).toBe(400);
});

test("the delays of deletion can be changed", async () => {
  await control("POST", "clock", { softDelete: "instant" });
  await data("delays", "PUT", "/secrets/a", { value: "v" });
  await data("delays", "DELETE", "/secrets/a");
  expect((await data("delays", "GET", "/deletedsecrets/a")).status).toBe(200);
  await control("POST", "clock", { softDelete: "azure" });
});

test("limits can be put in force, used up and lifted", async () => {
  await control("POST", "limits", { policy: { vaultCreates: 2 } });
  const used = await control("POST", "limits?vault=limited", {
    consume: { vault: "limited", bucket: "create", calls: 2 },
  });
  expect(used.json).toMatchObject({
    policy: { vaultCreates: 2, vaultOthers: 4_000 },
    used: { create: 2, other: 0 },
  });
  expect((await data("limited", "PUT", "/secrets/a", { value: "v" })).status).toBe(429);
  await control("POST", "limits", { policy: "off" });
  expect((await data("limited", "PUT", "/secrets/a", { value: "v" })).status).toBe(200);
});

test.each([
  ["limits", { policy: { vaultCreates: -1 } }],
  ["limits", { policy: "none" }],
  ["faults", { fault: { kind: "earthquake" } }],
  ["faults", { fault: { kind: "hold" }, namePattern: "(" }],
  ["access", { clientId: DEFAULT_CLIENT_ID, access: { model: "rbac", actions: ["everything"] } }],
  ["clock", { softDelete: "never" }],
  ["secrets", { vault: "v", name: "x" }],
])("wrong input of %s is refused with a sentence: %j", async (topic, body) => {
  const { status, json } = await control("POST", topic, body);
  expect(status).toBe(400);
  expect(json["error"]).toEqual(expect.any(String));
});

test("access can be granted and the firewall closed", async () => {
  await control("POST", "access", {
    clientId: DEFAULT_CLIENT_ID,
    access: { model: "rbac", actions: [] },
    vault: "closed",
  });
  expect((await data("closed", "GET", "/secrets")).json).toMatchObject({
    error: { innererror: { code: "ForbiddenByRbac" } },
  });
  await control("POST", "access", { vault: "closed", firewall: "closed" });
  expect((await data("closed", "GET", "/secrets")).json).toMatchObject({
    error: { innererror: { code: "ForbiddenByFirewall" } },
  });
});

test("a token can be had without the token endpoint", async () => {
  const { json } = await control("POST", "token", {});
  const headers = { authorization: `Bearer ${String(json["token"])}` };
  const url = `${emulator.vaultUrl("tokens")}/secrets?api-version=7.6`;
  expect((await sendRaw(agent, { method: "GET", url, headers })).status).toBe(200);
});

test("a snapshot brings back what was there", async () => {
  await data("kept", "PUT", "/secrets/a", { value: "first" });
  const { text } = await control("GET", "snapshot");
  await data("kept", "PUT", "/secrets/a", { value: "second" });
  await sendRaw(agent, { method: "PUT", url: `${emulator.controlUrl}/snapshot`, body: text });
  expect((await data("kept", "GET", "/secrets/a")).json["value"]).toBe("first");
});

test("a reset of the log alone leaves the secrets", async () => {
  await data("reset", "PUT", "/secrets/a", { value: "v" });
  await control("POST", "reset", { log: true });
  expect(emulator.oracle.snapshot().requests).toBe(0);
  expect(emulator.state("reset")).toHaveLength(1);
});

test("a reset without a word empties everything", async () => {
  await data("reset", "PUT", "/secrets/a", { value: "v" });
  emulator.faults.add({ fault: { kind: "hold" } });
  await control("POST", "reset");
  expect(emulator.state("reset")).toEqual([]);
  expect(emulator.faults.list()).toEqual([]);
  expect(emulator.oracle.snapshot()).toMatchObject({ requests: 0, effects: 0, leaks: 0 });
});

test("the control API is not to be found on a vault's host", async () => {
  const answer = await data("any-vault", "GET", "/_emulator/secrets");
  expect(answer.status).toBe(404);
  expect(answer.text).toContain("ResourceNotFound");
});
