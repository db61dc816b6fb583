// Hazard rule-as-deputy, at the sink, on a real OpenBao with roles of the JWT method: what a destination's role may not read
// is not written, also when that was taken from it later; and nothing outside of allowed_sources is read at all.
import { generateKeyPairSync, sign } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DestinationRecord, SourceAccess } from "@keyferry/contracts";
import { SecretValue, silentLogger, systemClock, systemRandom } from "@keyferry/ports";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OpenDestinations } from "../src/vaults/open-destinations.ts";
import { AzureCredentials } from "../src/vaults/azure-credentials.ts";
import { openRoleReader } from "../src/vaults/role-reader.ts";
import { SourceReaders } from "../src/vaults/source-readers.ts";
import { DEFAULT_CLIENT_SECRET } from "@keyferry/key-vault-emulator";
import { type Pair, type SinkBench, startSinkBench } from "./support/sink-bench.ts";

const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
let bench: SinkBench;
let dir: string;
let jwtFile: string;

beforeAll(async () => {
  bench = await startSinkBench();
  dir = await mkdtemp(join(tmpdir(), "keyferry-roles-"));
  jwtFile = join(dir, "jwt");
  await writeFile(jwtFile, jwt());
  await bench.api.expect("POST", "sys/auth/jwt", { type: "jwt" });
  await bench.api.expect("POST", "auth/jwt/config", {
    jwt_validation_pubkeys: [keys.publicKey.export({ type: "spki", format: "pem" })],
  });
});

afterAll(async () => {
  await bench[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

function jwt(): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const nowS = Math.floor(Date.now() / 1_000);
  const text = `${part({ alg: "ES256", typ: "JWT" })}.${part({ sub: "sink", aud: "keyferry", iat: nowS, exp: nowS + 600 })}`;
  const signature = sign("sha256", Buffer.from(text), { key: keys.privateKey, dsaEncoding: "ieee-p1363" });
  return `${text}.${signature.toString("base64url")}`;
}

/** A role whose policy reads this path alone. */
async function roleFor(role: string, path: string): Promise<void> {
  const policy = ["data", "metadata"].map(
    (part) => `path "secret/${part}/${path}" { capabilities = ["read"] }`,
  );
  await bench.api.expect("PUT", `sys/policies/acl/${role}`, { policy: policy.join("\n") });
  await bench.api.expect("POST", `auth/jwt/role/${role}`, {
    role_type: "jwt",
    bound_audiences: ["keyferry"],
    user_claim: "sub",
    token_policies: [role],
  });
}

async function logins(): Promise<number> {
  const lines = (await readFile(bench.servers.openbao.auditFile, "utf8")).split("\n");
  return lines.filter((line) => line.includes('"path":"auth/jwt/login"') && line.includes('"type":"request"'))
    .length;
}

interface Reading {
  readonly readers: SourceReaders;
  /** Syncs the pair once, its destination's values read as `source` says. */
  readonly sync: (source: SourceAccess) => Promise<unknown>;
  readonly close: () => Promise<void>;
}

/** The sink's own destinations, with readers, for one pair. */
function reading(pair: Pair, method: "jwt" | "approle" | "none" = "jwt"): Reading {
  const own = {
    source: { address: bench.servers.openbao.url, namespace: "" },
    ...(method === "none" ? {} : { auth: { method, role: "the-sinks-own", jwtFile } }),
    secrets: {},
    rereadSecrets: async () => ({}),
    logger: silentLogger,
    clock: systemClock,
    random: systemRandom,
  };
  const readers = new SourceReaders({
    own: bench.source,
    withRole: (role) => openRoleReader(own, bench.source, role),
  });
  let record: DestinationRecord = pair.destination;
  const { port, caFile } = bench.servers.emulator;
  const destinations = new OpenDestinations({
    view: { entries: () => [["key", { value: record, sequence: 1, time: 0 }]].values() } as never,
    readers,
    credentials: new AzureCredentials({
      source: bench.source,
      ownMount: { namespace: "", mount: "keyferry" },
      environmentSecret: new SecretValue(DEFAULT_CLIENT_SECRET),
      federatedTokenFile: undefined,
    }),
    vaultOptions: {
      caFile,
      authorityHost: `https://localhost:${port}`,
      emulator: { address: `127.0.0.1:${port}` },
      requestTimeoutMs: 10_000,
    },
    clock: systemClock,
    logger: silentLogger,
  });
  return {
    readers,
    async sync(source) {
      record = { ...record, source };
      const command = await bench.command(pair);
      await bench.run(command, await bench.publish(command), { deps: { destinations } });
      return (await bench.record(command)).outcome;
    },
    async close() {
      await destinations[Symbol.asyncDispose]();
      await readers[Symbol.asyncDispose]();
    },
  };
}

test("rule-as-deputy: values are read with the destination's role, and what is taken from it counts at once", async () => {
  const pair = bench.pair();
  await roleFor("team-a", pair.path);
  await bench.write(pair, { a: "1" });
  const { sync, close } = reading(pair);
  expect(await sync({ role: "team-a" })).toMatchObject({ kind: "synced" });
  expect(bench.value(pair)).toBe('{"a":"1"}');
  await bench.api.expect("DELETE", "sys/policies/acl/team-a");
  await bench.write(pair, { a: "2" });
  expect(await sync({ role: "team-a" })).toMatchObject({
    kind: "waiting",
    error: {
      code: "source-denied",
      message: expect.stringContaining(`With source_role team-a of destination ${pair.vault}`),
    },
  });
  expect(bench.value(pair)).toBe('{"a":"1"}');
  await close();
});

test("rule-as-deputy: a role that does not exist, and a sink that can't take roles, are told apart", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  const unknown = reading(pair);
  expect(await unknown.sync({ role: "nobody" })).toMatchObject({
    error: { code: "source-denied", message: expect.stringContaining("log in by jwt at jwt: refused") },
  });
  await unknown.close();
  const byToken = reading(pair, "none");
  expect(await byToken.sync({ role: "team-a" })).toMatchObject({
    error: { message: expect.stringContaining("set azureSink.auth in place of azureSink.token") },
  });
  await byToken.close();
  expect(bench.value(pair)).toBeUndefined();
});

test("rule-as-deputy: with AppRole the sink makes a secret id of the destination's role for itself", async () => {
  const pair = bench.pair();
  await roleFor("team-c", pair.path);
  await bench.api.expect("POST", "sys/auth/approle", { type: "approle" });
  await bench.api.expect("POST", "auth/approle/role/team-c", { token_policies: ["team-c"] });
  await bench.write(pair, { a: "1" });
  const { sync, close } = reading(pair, "approle");
  expect(await sync({ role: "team-c" })).toMatchObject({ kind: "synced" });
  expect(await sync({ role: "nobody" })).toMatchObject({
    error: {
      code: "source-denied",
      message: expect.stringContaining("AppRole nobody: there is no such role"),
    },
  });
  await close();
});

test("rule-as-deputy: a command for a place outside of allowed_sources writes nothing, whoever made it", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  const { sync, close } = reading(pair);
  expect(await sync({ allowed: ["secret/other", `secret/${pair.path.slice(0, -1)}`] })).toMatchObject({
    kind: "waiting",
    error: {
      code: "source-not-allowed",
      message: `secret/${pair.path} is outside of allowed_sources of destination ${pair.vault}`,
    },
  });
  expect(bench.value(pair)).toBeUndefined();
  expect(await sync({ allowed: ["secret"] })).toMatchObject({ kind: "synced" });
  await close();
});

test("one login for a role, however many secrets are read with it", async () => {
  const pair = bench.pair();
  await roleFor("team-b", "*");
  const before = await logins();
  const { readers, close } = reading(pair);
  const reader = readers.of({ ...pair.destination, source: { role: "team-b" } });
  const secret = { namespace: "", mount: "secret", path: "none" };
  const reads = await Promise.all(Array.from({ length: 20 }, () => reader.readMetadata(secret)));
  expect(new Set(reads.map(({ kind }) => kind))).toEqual(new Set(["absent"]));
  const other = readers.of({ ...pair.destination, name: "other", source: { role: "team-b" } });
  expect(await other.readMetadata(secret)).toMatchObject({ kind: "absent" });
  expect(await logins()).toBe(before + 1);
  await close();
});
