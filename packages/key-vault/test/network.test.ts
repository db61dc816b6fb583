// Hazard uri-aimed-elsewhere, on real sockets: the address is judged where the connection is made, once, and nothing that
// a server answers makes the client call somewhere else.
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { createHttpHeaders, createPipelineRequest } from "@azure/core-rest-pipeline";
import type { NetworkRules } from "@keyferry/contracts";
import { SecretValue } from "@keyferry/ports";
import { generate } from "selfsigned";
import { afterAll, beforeAll, expect, test } from "vitest";
import { guardedLookup } from "../src/address-guard.ts";
import { createAgent } from "../src/connection.ts";
import { type ExchangeLog, noting } from "../src/exchange.ts";
import { toVaultError } from "../src/failure.ts";
import { Transport } from "../src/transport.ts";
import { call, optionsFor, rejection, startWorld } from "./world.ts";
import { createKeyVault } from "../src/index.ts";

const HOST = "kv-guard.vault.azure.net";

let server: Server;
let port: number;
let ca: string;
const connections: Socket[] = [];

beforeAll(async () => {
  const made = await generate([{ name: "commonName", value: HOST }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: HOST }] }],
  });
  ca = made.cert;
  server = createServer({ key: made.private, cert: made.cert }, (_request, response) => {
    response.writeHead(302, { location: "https://169.254.169.254/metadata", "content-length": "0" }).end();
  });
  server.on("connection", (socket: Socket) => void connections.push(socket));
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => void server.close(resolve));
});

/** Sends one request to the host, whose name leads to these addresses, one list for each time that it is asked for. */
async function send(answers: readonly (readonly string[])[], rules: NetworkRules | undefined) {
  let asked = 0;
  const lookup = guardedLookup(rules, port, (_host, _options, callback) => {
    const addresses = answers[Math.min(asked, answers.length - 1)] ?? [];
    asked += 1;
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
    );
  });
  const agent = createAgent({ ca, maxSockets: 1, lookup });
  const transport = new Transport(agent, 5_000);
  const before = connections.length;
  const log: ExchangeLog = { last: undefined };
  const request = createPipelineRequest({
    url: `https://${HOST}:${port}/secrets`,
    headers: createHttpHeaders(),
  });
  try {
    const { status } = await noting(log, () => transport.sendRequest(request));
    return { status, asked, connected: connections.length - before };
  } catch (thrown) {
    const attempt = { operation: "list", writes: false, signal: call().signal };
    const error = toVaultError(thrown, attempt, log.last, 0);
    return {
      error: { code: error.code, message: error.message },
      asked,
      connected: connections.length - before,
    };
  } finally {
    agent.destroy();
  }
}

test("uri-aimed-elsewhere: a name that leads to a private address is not connected to, and the range is named", async () => {
  const rules = { allowedPorts: [port] };
  expect(await send([["127.0.0.1"]], rules)).toEqual({
    error: {
      code: "address-prohibited",
      message: "prohibited IP address: 127.0.0.1 is not a permitted destination (denied by: 127.0.0.0/8)",
    },
    asked: 1,
    connected: 0,
  });
});

test("uri-aimed-elsewhere: a port that is not allowed is not connected to", async () => {
  const rules = { allowedIpv4Addresses: ["127.0.0.0/8"] };
  expect(await send([["127.0.0.1"]], rules)).toMatchObject({
    error: {
      code: "address-prohibited",
      message: expect.stringContaining(`port ${port} is not in allowed_ports`),
    },
    connected: 0,
  });
});

test("uri-aimed-elsewhere: a redirect is an answer as any other, and is not followed", async () => {
  const rules = { allowedPorts: [port], allowedIpv4Addresses: ["127.0.0.1/32"] };
  expect(await send([["127.0.0.1"]], rules)).toEqual({ status: 302, asked: 1, connected: 1 });
  expect(await send([["127.0.0.1"]], { disableStrictNetworking: true })).toMatchObject({ status: 302 });
});

test("uri-aimed-elsewhere: a name is asked for once a connection, so what it leads to later is not used", async () => {
  const rules = { allowedPorts: [port], allowedIpv4Addresses: ["127.0.0.1/32"] };
  expect(await send([["127.0.0.1"], ["169.254.169.254"]], rules)).toMatchObject({ status: 302, asked: 1 });
});

test("uri-aimed-elsewhere: of several addresses only the permitted ones are tried", async () => {
  const rules = { allowedPorts: [port], allowedIpv4Addresses: ["127.0.0.1/32"] };
  expect(await send([["::1", "169.254.169.254", "127.0.0.1"]], rules)).toMatchObject({
    status: 302,
    connected: 1,
  });
});

test("uri-aimed-elsewhere: no method of a client follows a redirect, and the token goes nowhere else", async () => {
  await using world = await startWorld();
  server.removeAllListeners("request");
  const seen: (string | undefined)[] = [];
  server.on("request", (request, response) => {
    seen.push(request.headers.host);
    response.writeHead(307, { location: `https://localhost:${port}/elsewhere`, "content-length": "0" }).end();
  });
  const redirected = createKeyVault({
    ...optionsFor(world.emulator),
    uri: `https://${HOST}`,
    ca,
    emulator: { address: `127.0.0.1:${port}` },
  });
  try {
    await rejection(redirected.put("a", { value: new SecretValue("v"), tags: {} }, call()));
    expect([...new Set(seen)]).toEqual([HOST]);
  } finally {
    await redirected.close();
  }
});
