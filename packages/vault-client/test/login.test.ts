// Proves on a real OpenBao: login by AppRole and by JWT, renewal, a new login where renewal ends or the token was revoked,
// and that a denied path costs neither a login nor a look-up each.
import { generateKeyPairSync, sign } from "node:crypto";
import { SecretValue, silentLogger, systemClock, systemRandom } from "@keyferry/ports";
import { eventually, type OpenBaoServer, startOpenBao, VaultApi } from "@keyferry/testkit";
import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import {
  createLogin,
  createVaultClient,
  type Login,
  type LoginMethod,
  type VaultClient,
} from "../src/index.ts";

const POLICY = 'path "secret/metadata/*" { capabilities = ["read"] }';
const READABLE = { namespace: "", mount: "secret", path: "app" };
const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });

let bao: OpenBaoServer;
let root: VaultApi;
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  bao = await startOpenBao();
  root = new VaultApi(bao.url, bao.rootToken);
  await root.expect("PUT", "sys/policies/acl/reader", { policy: POLICY });
  await root.putSecret("secret", "app", { a: "1" });
  await root.expect("POST", "sys/auth/approle", { type: "approle" });
  await root.expect("POST", "sys/auth/team/jwt", { type: "jwt" });
  await root.expect("POST", "auth/team/jwt/config", {
    jwt_validation_pubkeys: [keys.publicKey.export({ type: "spki", format: "pem" })],
  });
  await root.expect("POST", "auth/team/jwt/role/reader", {
    role_type: "jwt",
    bound_audiences: ["keyferry"],
    user_claim: "sub",
    token_policies: ["reader"],
    token_ttl: "1h",
  });
});

afterAll(() => bao.stop());

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

function jwt(): SecretValue {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1_000);
  const text = `${part({ alg: "ES256", typ: "JWT" })}.${part({ sub: "detector", aud: "keyferry", iat: now, exp: now + 600 })}`;
  const signature = sign("sha256", Buffer.from(text), { key: keys.privateKey, dsaEncoding: "ieee-p1363" });
  return new SecretValue(`${text}.${signature.toString("base64url")}`);
}

async function appRole(name: string, options: Record<string, unknown>): Promise<LoginMethod> {
  await root.expect("POST", `auth/approle/role/${name}`, { token_policies: ["reader"], ...options });
  const { role_id: roleId } = await root.expect("GET", `auth/approle/role/${name}/role-id`);
  const { secret_id: secretId } = await root.expect("POST", `auth/approle/role/${name}/secret-id`, {});
  return {
    kind: "approle",
    mount: "approle",
    roleId: String(roleId),
    secretId: async () => new SecretValue(String(secretId)),
  };
}

function open(method: LoginMethod): { login: Login; client: VaultClient } {
  const common = { address: bao.url, clock: systemClock, logger: silentLogger };
  const login = createLogin({ ...common, method, random: systemRandom });
  const client = createVaultClient({ ...common, token: login.token });
  closers.push(async () => {
    await client.close();
    await login.close();
  });
  return { login, client };
}

/** Calls of a path that the audit file tells of. */
async function calls(path: string): Promise<number> {
  const lines = (await readFile(bao.auditFile, "utf8")).split("\n");
  return lines.filter((line) => line.includes(`"path":"${path}"`) && line.includes('"type":"request"'))
    .length;
}

test("AppRole: many who ask at once share one login, and the token is revoked at the end", async () => {
  const before = await calls("auth/approle/login");
  const { login, client } = open(await appRole("many", { token_ttl: "1h" }));
  const reads = await Promise.all(Array.from({ length: 20 }, () => client.readMetadata(READABLE)));
  expect(new Set(reads.map(({ kind }) => kind))).toEqual(new Set(["present"]));
  expect(await calls("auth/approle/login")).toBe(before + 1);
  const token = (await login.token()).reveal();
  await login.close();
  expect((await root.withToken(token).call("GET", "auth/token/lookup-self")).status).toBe(403);
});

test("JWT at a mount of several segments", async () => {
  const { client } = open({ kind: "jwt", mount: "team/jwt", role: "reader", jwt: async () => jwt() });
  expect(await client.readMetadata(READABLE)).toMatchObject({ kind: "present" });
});

test("a lease is renewed for as long as that helps, and then there is a new login; no read fails", async () => {
  const renewals = await calls("auth/token/renew-self");
  const logins = await calls("auth/approle/login");
  const { client } = open(await appRole("short", { token_ttl: "2s", token_max_ttl: "4s" }));
  await eventually(
    async () => {
      expect(await client.readMetadata(READABLE)).toMatchObject({ kind: "present" });
      return (await calls("auth/approle/login")) >= logins + 3;
    },
    { what: "two more logins" },
  );
  expect(await calls("auth/token/renew-self")).toBeGreaterThan(renewals);
});

test("a token that was revoked is replaced within the call that is refused", async () => {
  const { login, client } = open(await appRole("revoked", { token_ttl: "1h" }));
  const first = await login.token();
  await root.expect("POST", "auth/token/revoke", { token: first.reveal() });
  expect(await client.readMetadata(READABLE)).toMatchObject({ kind: "present" });
  expect((await login.token()).reveal()).not.toBe(first.reveal());
});

test("a token that dies under many calls at once is replaced once, for all of them", async () => {
  const { login, client } = open(await appRole("crowd", { token_ttl: "1h" }));
  const first = await login.token();
  const logins = await calls("auth/approle/login");
  await root.expect("POST", "auth/token/revoke", { token: first.reveal() });
  const reads = await Promise.all(Array.from({ length: 30 }, () => client.readMetadata(READABLE)));
  expect(new Set(reads.map(({ kind }) => kind))).toEqual(new Set(["present"]));
  expect(await calls("auth/approle/login")).toBe(logins + 1);
});

test("a denied path is denied: one look at the token, no login", async () => {
  const { client } = open(await appRole("denied", { token_ttl: "1h" }));
  await client.readMetadata(READABLE);
  const logins = await calls("auth/approle/login");
  const looks = await calls("auth/token/lookup-self");
  for (let read = 0; read < 5; read += 1) {
    await expect(client.readVersion(READABLE, 1)).rejects.toMatchObject({ code: "source-denied" });
  }
  expect([await calls("auth/approle/login"), await calls("auth/token/lookup-self")]).toEqual([
    logins,
    looks + 1,
  ]);
});

test("a secret id that is wrong is told as denied, without it", async () => {
  const method = await appRole("wrong", {});
  if (method.kind !== "approle") throw new Error("not an AppRole");
  const { client } = open({ ...method, secretId: async () => new SecretValue("no-such-secret-id") });
  await expect(client.readMetadata(READABLE)).rejects.toMatchObject({
    code: "source-denied",
    message: expect.not.stringContaining("no-such-secret-id"),
  });
});
