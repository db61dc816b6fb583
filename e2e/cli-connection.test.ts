// How `keyferry` gets to its API, as the vault CLI does: over TLS with a CA of one's own, with the token of
// ~/.vault-token and in a namespace. A listener with a certificate of its own stands for the service.
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { createServer as createTlsServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { generate } from "selfsigned";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runFolder } from "./support/run-folder.ts";

const PROGRAM = resolve(import.meta.dirname, "../apps/cli/bin/keyferry.mjs");
const TOKEN = "hvs.the-token-of-the-file";

let folder: Awaited<ReturnType<typeof runFolder>>;
let tls: Server;
let plain: ReturnType<typeof createServer>;
let caFile: string;
let otherCaFile: string;
let asked: { readonly path: string; readonly headers: IncomingHttpHeaders }[] = [];

async function certificate(host: string) {
  return generate([{ name: "commonName", value: host }], {
    keySize: 2048,
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true },
      { name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] },
    ],
  });
}

beforeAll(async () => {
  folder = await runFolder();
  const [own, other] = await Promise.all([certificate("api"), certificate("somebody")]);
  caFile = join(folder.path, "ca.pem");
  otherCaFile = join(folder.path, "other.pem");
  await writeFile(caFile, own.cert);
  await writeFile(otherCaFile, other.cert);
  await writeFile(join(folder.path, ".vault-token"), `${TOKEN}\n`);
  const answer: Parameters<typeof createServer>[1] = (request, response) => {
    asked.push({ path: request.url ?? "", headers: request.headers });
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ data: { all: null, destinations: {}, associations: [] } }));
  };
  tls = createTlsServer({ cert: own.cert, key: own.private }, answer);
  plain = createServer(answer);
  await Promise.all([tls, plain].map((one) => new Promise<void>((done) => one.listen(0, "127.0.0.1", done))));
});

afterAll(async () => {
  tls.close();
  plain.close();
  await folder[Symbol.asyncDispose]();
});

const portOf = (server: Pick<Server, "address">): number => (server.address() as AddressInfo).port;

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `keyferry pause`, which only reads; with nothing in the environment but what is given. */
function run(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ran> {
  asked = [];
  const child = spawn(process.execPath, [PROGRAM, "pause", ...args], {
    env: { PATH: process.env["PATH"], HOME: folder.path, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const out: string[] = [];
  const err: string[] = [];
  child.stdout.on("data", (part: Buffer) => out.push(part.toString("utf8")));
  child.stderr.on("data", (part: Buffer) => err.push(part.toString("utf8")));
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("close", (code) => done({ code: code ?? -1, stdout: out.join(""), stderr: err.join("") }));
  });
}

const overTls = () => ({ VAULT_ADDR: `https://127.0.0.1:${portOf(tls)}` });

test("a certificate of an unknown CA is refused, with what to set, and the token is not sent", async () => {
  const ran = await run(overTls());
  expect(ran).toMatchObject({ code: 5, stdout: "" });
  expect(ran.stderr).toContain("certificate that is not trusted");
  expect(ran.stderr).toContain("Set VAULT_CACERT");
  expect(asked).toEqual([]);
});

test.each(["VAULT_CACERT", "BAO_CACERT"])("with %s it is trusted", async (variable) => {
  const ran = await run({ ...overTls(), [variable]: caFile });
  expect(ran).toMatchObject({ code: 0, stdout: "Nothing is paused.\n", stderr: "" });
  expect(asked).toHaveLength(1);
});

test("--ca-cert goes before the environment, and another CA is no help", async () => {
  expect((await run({ ...overTls(), VAULT_CACERT: otherCaFile }, "--ca-cert", caFile)).code).toBe(0);
  expect((await run({ ...overTls(), VAULT_CACERT: otherCaFile })).code).toBe(5);
});

test("a certificate file that is none is said to be none", async () => {
  const file = join(folder.path, "empty.pem");
  await writeFile(file, "not a certificate");
  const ran = await run({ ...overTls(), VAULT_CACERT: file });
  expect(ran).toMatchObject({ code: 2, stdout: "" });
  expect(ran.stderr).toContain("has no certificate");
});

test("VAULT_SKIP_VERIFY trusts anybody, as in the vault CLI", async () => {
  expect((await run({ ...overTls(), VAULT_SKIP_VERIFY: "true" })).code).toBe(0);
});

test("https spoken to a server that speaks http ends with a word on it", async () => {
  const ran = await run({ VAULT_ADDR: `https://127.0.0.1:${portOf(plain)}` });
  expect(ran.code).toBe(5);
  expect(ran.stderr).toContain("speaks no TLS");
});

test("the token is that of ~/.vault-token, unless VAULT_TOKEN is set", async () => {
  await run({ ...overTls(), VAULT_CACERT: caFile });
  expect(asked[0]?.headers["x-vault-token"]).toBe(TOKEN);
  await run({ ...overTls(), VAULT_CACERT: caFile, VAULT_TOKEN: "hvs.another" });
  expect(asked[0]?.headers["x-vault-token"]).toBe("hvs.another");
});

test("without either nothing is asked", async () => {
  const empty = join(folder.path, "home");
  await mkdir(empty);
  const ran = await run({ ...overTls(), VAULT_CACERT: caFile, HOME: empty });
  expect(ran.code).toBe(3);
  expect(ran.stderr).toContain("vault login");
  expect(asked).toEqual([]);
});

test("VAULT_NAMESPACE and --namespace go along as a header, and nothing goes along without them", async () => {
  const env = { ...overTls(), VAULT_CACERT: caFile };
  await run(env);
  expect(asked[0]?.headers["x-vault-namespace"]).toBeUndefined();
  await run({ ...env, VAULT_NAMESPACE: "team-a" });
  expect(asked[0]?.headers["x-vault-namespace"]).toBe("team-a");
  await run({ ...env, VAULT_NAMESPACE: "team-a" }, "--namespace", "team-b/");
  expect(asked[0]?.headers["x-vault-namespace"]).toBe("team-b/");
});

test("an address with a path leads below it, as behind a proxy", async () => {
  await run({ VAULT_ADDR: `${overTls().VAULT_ADDR}/vault/`, VAULT_CACERT: caFile });
  expect(asked[0]?.path).toBe("/vault/v1/sys/sync/pause");
});
