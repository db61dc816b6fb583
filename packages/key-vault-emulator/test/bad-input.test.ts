// Proves: whatever is sent, the answer is one of the 2xx or 4xx that the service gives, never a 500, never a crash.
import { connect } from "node:tls";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startKeyVaultEmulator } from "../src/index.ts";
import type { KeyVaultEmulator } from "../src/index.ts";
import { loopbackAgent, sendRaw } from "./support/https-client.ts";
import type { RawAnswer } from "./support/https-client.ts";

/** One seed, so that a run can be repeated; another one by KF_PROP_SEED. */
const SEED = Number(process.env["KF_PROP_SEED"] ?? 20_261_124);
const RUNS = Number(process.env["KF_PROP_RUNS"] ?? 400);

let emulator: KeyVaultEmulator;
let agent: ReturnType<typeof loopbackAgent>;
let token: string;

beforeAll(async () => {
  emulator = await startKeyVaultEmulator({ limits: "off", softDelete: "instant" });
  agent = loopbackAgent(emulator.caPem);
  token = emulator.issueToken();
});

afterAll(async () => {
  agent.destroy();
  await emulator.close();
});

const method = fc.constantFrom("GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS");
const segment = fc.oneof(
  fc.constantFrom(
    "secrets",
    "deletedsecrets",
    "versions",
    "backup",
    "restore",
    "recover",
    "",
    "constructor",
    "__proto__",
  ),
  fc.stringMatching(/^[0-9a-zA-Z-]{1,20}$/),
  fc.string({ maxLength: 140 }).map(encodeURIComponent),
  fc.stringMatching(/^%[0-9a-fA-F]{0,2}[a-z]{0,3}$/),
);
const path = fc.array(segment, { maxLength: 5 }).map((segments) => `/${segments.join("/")}`);
const query = fc.oneof(
  fc.constant("?api-version=7.6"),
  fc.constant("?api%2Dversion=7.6"),
  fc.string({ maxLength: 60 }).map((text) => `?api-version=7.6&$skiptoken=${encodeURIComponent(text)}`),
  fc.string({ maxLength: 60 }).map((text) => `?api-version=7.6&maxresults=${encodeURIComponent(text)}`),
  fc.string({ maxLength: 40 }).map((text) => `?${encodeURIComponent(text)}`),
);
const body = fc.oneof(
  fc.json({ maxDepth: 3 }),
  fc.string({ maxLength: 200 }),
  fc
    .record(
      {
        value: fc.oneof(fc.string(), fc.anything({ maxDepth: 1 })),
        tags: fc.anything(),
        attributes: fc.anything(),
        contentType: fc.anything(),
      },
      { requiredKeys: [] },
    )
    .map((object) =>
      JSON.stringify(object, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value)),
    ),
);

function send(wish: { method: string; target: string; body: string }): Promise<RawAnswer> {
  return sendRaw(agent, {
    method: wish.method,
    url: `${emulator.vaultUrl("fuzzed")}${wish.target}`,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(wish.method === "GET" || wish.method === "HEAD" ? {} : { body: wish.body }),
  });
}

test("any method, path, query and body get an answer of the service", async () => {
  const property = fc.asyncProperty(method, path, query, body, async (verb, where, asked, text) => {
    const { status } = await send({ method: verb, target: `${where}${asked}`, body: text });
    expect([200, 204, 400, 401, 403, 404, 405, 409]).toContain(status);
  });
  await fc.assert(property, { seed: SEED, numRuns: RUNS });
  expect(emulator.defects).toEqual([]);
});

test("any body of a set gets 200 or a bad parameter", async () => {
  const property = fc.asyncProperty(body, async (text) => {
    const { status } = await send({ method: "PUT", target: "/secrets/one-name?api-version=7.6", body: text });
    expect([200, 400]).toContain(status);
  });
  await fc.assert(property, { seed: SEED, numRuns: RUNS });
  expect(emulator.defects).toEqual([]);
});

test("any value that fits comes back as it was", async () => {
  const property = fc.asyncProperty(fc.string({ unit: "binary", maxLength: 200 }), async (value) => {
    await send({
      method: "PUT",
      target: "/secrets/round-trip?api-version=7.6",
      body: JSON.stringify({ value }),
    });
    const { json } = await send({ method: "GET", target: "/secrets/round-trip?api-version=7.6", body: "" });
    // What is no Unicode (half of a pair) cannot go over the wire in UTF-8.
    expect(json["value"]).toBe(value.toWellFormed());
  });
  await fc.assert(property, { seed: SEED, numRuns: RUNS / 2 });
});

test("any Authorization and Host are answered", async () => {
  const visible = fc.stringMatching(/^[!-~]{0,80}$/);
  // The certificate is checked against a name of its own, not against what the header says.
  const anyHost = loopbackAgent(emulator.caPem, "localhost");
  const property = fc.asyncProperty(visible, visible, async (authorization, host) => {
    const { status } = await sendRaw(anyHost, {
      method: "GET",
      url: `${emulator.vaultUrl("fuzzed")}/secrets?api-version=7.6`,
      headers: { authorization, host },
    });
    expect([400, 401, 404]).toContain(status);
  });
  await fc.assert(property, { seed: SEED, numRuns: RUNS / 4 });
  expect(emulator.defects).toEqual([]);
  anyHost.destroy();
});

test("any input of the control API is answered with 200, 400 or 404", async () => {
  const topic = fc.constantFrom(
    "health",
    "log",
    "secrets",
    "faults",
    "faults/1",
    "faults/1/release",
    "clock",
    "limits",
    "access",
    "token",
    "snapshot",
    "nothing",
  );
  const settings = fc.record(
    {
      advanceMs: fc.anything(),
      fault: fc.anything(),
      policy: fc.anything(),
      consume: fc.anything(),
      vault: fc.anything(),
      access: fc.anything(),
      clientId: fc.anything(),
      vaults: fc.anything(),
      name: fc.anything(),
      namePattern: fc.string(),
    },
    { requiredKeys: [] },
  );
  const text = fc.oneof(
    body,
    settings.map((object) =>
      JSON.stringify(object, (_key, value: unknown) => (typeof value === "bigint" ? 1 : value)),
    ),
  );
  const property = fc.asyncProperty(method, topic, text, async (verb, where, sent) => {
    const { status } = await sendRaw(agent, {
      method: verb,
      url: `${emulator.controlUrl}/${where}`,
      ...(verb === "GET" || verb === "HEAD" ? {} : { body: sent }),
    });
    expect([200, 400, 404]).toContain(status);
  });
  await fc.assert(property, { seed: SEED, numRuns: RUNS });
  expect(emulator.defects).toEqual([]);
  emulator.faults.clear();
});

test("what is no HTTP closes its own connection and no other", async () => {
  const property = fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
    await new Promise<void>((resolve) => {
      const socket = connect({
        port: emulator.port,
        host: "127.0.0.1",
        ca: emulator.caPem,
        servername: "localhost",
      });
      socket.once("secureConnect", () => socket.end(bytes));
      socket.on("error", () => socket.destroy());
      socket.resume().once("close", () => resolve());
    });
  });
  await fc.assert(property, { seed: SEED, numRuns: 30 });
  expect((await send({ method: "GET", target: "/secrets?api-version=7.6", body: "" })).status).toBe(200);
});

test("a body beyond every limit is refused, and the next request is served", async () => {
  const large = JSON.stringify({ value: "x".repeat(25 * 1024 * 1024) });
  expect((await send({ method: "PUT", target: "/secrets/large?api-version=7.6", body: large })).status).toBe(
    413,
  );
  expect((await send({ method: "GET", target: "/secrets?api-version=7.6", body: "" })).status).toBe(200);
});
