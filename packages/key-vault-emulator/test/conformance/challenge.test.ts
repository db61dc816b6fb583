// Proves: no token, no service: the challenge, what tokens are taken, and that no body comes without one.
import { ClientAssertionCredential, ClientSecretCredential } from "@azure/identity";
import { expect, test } from "vitest";
import { DEFAULT_CLIENT_ID, DEFAULT_TENANT_ID } from "../../src/index.ts";
import { told } from "../support/refusals.ts";
import { needs, vaultUnderTest } from "../support/vault-under-test.ts";

const OTHER_TENANT = "3d0e6a5f-91c2-4f0b-8a77-5b1e2c3d4f60";
const STRANGER = "9a8b7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d";
const FEDERATED = "c1d2e3f4-a5b6-4c7d-8e9f-0a1b2c3d4e5f";
const ISSUER = "https://issuer.example";

const vault = vaultUnderTest({
  principals: [
    { clientId: DEFAULT_CLIENT_ID, clientSecret: "emulator-client-secret" },
    { clientId: STRANGER, clientSecret: "of-a-stranger", tenantId: OTHER_TENANT },
    { clientId: FEDERATED, federated: { issuer: ISSUER, subject: "system:serviceaccount:keyferry:sink" } },
  ],
});

function assertion(claims: Readonly<Record<string, unknown>>): string {
  const part = (json: unknown): string => Buffer.from(JSON.stringify(json)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + 600;
  return `${part({ alg: "RS256" })}.${part({ aud: "api://AzureADTokenExchange", exp, ...claims })}.signature`;
}

test("a request without a token is a 401 that says where to get one, and for what", async () => {
  const answer = await vault.raw("GET", "/secrets", { token: null });
  expect(told(answer)).toMatchObject({ status: 401, code: "Unauthorized" });
  const challenge = String(answer.headers["www-authenticate"]);
  expect(challenge).toMatch(
    /^Bearer authorization="https:\/\/[^"/]+\/[0-9a-f-]{36}", resource="https:\/\/vault\.azure\.net"$/,
  );
});

test("the challenge comes before anything else is looked at", async () => {
  const answer = await vault.raw("PUT", "/no/such/route", { token: null, noVersion: true });
  expect(answer.status).toBe(401);
  expect(answer.headers).toHaveProperty("www-authenticate");
});

test("a probe with an empty body is challenged like any other request", async () => {
  const answer = await vault.raw("PUT", `/secrets/${vault.freshName("probe")}`, {
    token: null,
    headers: { "content-length": "0" },
  });
  expect(told(answer)).toMatchObject({ status: 401, code: "Unauthorized" });
});

test.each(["garbage", "a.b.c", "e30.e30.e30", "..."])(
  "the token %s is a 401 with a challenge",
  async (token) => {
    const answer = await vault.raw("GET", "/secrets", { token });
    expect(told(answer)).toMatchObject({ status: 401, code: "Unauthorized" });
    expect(answer.headers).toHaveProperty("www-authenticate");
  },
);

test("another scheme than Bearer is a 401", async () => {
  const answer = await vault.raw("GET", "/secrets", {
    token: null,
    headers: { authorization: "Basic dTpw" },
  });
  expect(answer.status).toBe(401);
});

test("the SDK gets its token by the challenge, its verification being on", async () => {
  const secret = await vault.client().setSecret(vault.freshName("challenge"), "v");
  expect(secret.value).toBe("v");
});

test.each(needs("control"))(
  "a token for another audience is refused, a trailing slash being another",
  async () => {
    for (const audience of ["https://vault.azure.net/", "https://management.azure.com"]) {
      const token = vault.emulator.issueToken({ audience });
      const answer = await vault.raw("GET", "/secrets", { token });
      expect(told(answer)).toMatchObject({ status: 401, code: "Unauthorized" });
      expect(answer.text).toContain("AKV10022");
    }
  },
);

test.each(needs("control"))("a token of another tenant is refused", async () => {
  const answer = await vault.raw("GET", "/secrets", {
    token: vault.emulator.issueToken({ clientId: STRANGER }),
  });
  expect(told(answer)).toMatchObject({ status: 401, code: "Unauthorized" });
  expect(answer.text).toContain("AKV10032");
});

test.each(needs("control"))("a token that has expired is refused", async () => {
  const token = vault.emulator.issueToken({ expiresInSeconds: -1 });
  expect((await vault.raw("GET", "/secrets", { token })).status).toBe(401);
});

test.each(needs("control"))("a token whose claims were changed is refused", async () => {
  const [head = "", claims = "", signature = ""] = vault.emulator
    .issueToken({ expiresInSeconds: -1 })
    .split(".");
  const json = JSON.parse(Buffer.from(claims, "base64url").toString()) as Record<string, unknown>;
  const forged = Buffer.from(JSON.stringify({ ...json, exp: 4_000_000_000 })).toString("base64url");
  const answer = await vault.raw("GET", "/secrets", { token: `${head}.${forged}.${signature}` });
  expect(answer.status).toBe(401);
});

test.each(needs("control"))(
  "the virtual clock does not age tokens: clients know only real time",
  async () => {
    vault.emulator.clock.advance(7 * 86_400_000);
    expect((await vault.raw("GET", "/secrets")).status).toBe(200);
  },
);

test.each(needs("control"))("a body that comes without a token is counted as a leak", async () => {
  const before = vault.emulator.oracle.snapshot().leaks;
  await vault.raw("PUT", "/secrets/leaked", { token: null, body: { value: "in the open" } });
  expect(vault.emulator.oracle.snapshot().leaks - before).toBe(1);
  expect(vault.emulator.oracle.leaks().at(-1)).toMatchObject({
    operation: "set",
    name: "leaked",
    status: 401,
  });
});

test.each(needs("control"))("a cold burst of the SDK sends no body without a token", async () => {
  const before = vault.emulator.oracle.snapshot();
  const client = vault.client("challenge-burst");
  await Promise.all(Array.from({ length: 50 }, (_, at) => client.setSecret(`burst-${at}`, "v")));
  expect(vault.emulator.oracle.snapshot().leaks).toBe(before.leaks);
  expect(vault.emulator.oracle.writes("challenge-burst")).toHaveLength(50);
});

test.each(needs("control"))("a client that was primed costs one request a call and one token", async () => {
  const client = vault.client("challenge-primed");
  await client.listPropertiesOfSecrets().byPage({ maxPageSize: 1 }).next();
  const before = vault.emulator.oracle.snapshot();
  await Promise.all(Array.from({ length: 20 }, (_, at) => client.setSecret(`primed-${at}`, "v")));
  const after = vault.emulator.oracle.snapshot();
  expect(after.requests - before.requests).toBe(20);
  expect(after.tokens).toBe(before.tokens);
});

test.each(needs("control"))("a claims challenge makes the SDK get a newer token and go on", async () => {
  const client = vault.client("challenge-claims");
  await client.setSecret("cae", "before");
  // A token of the same millisecond as the rule would count as newer.
  await expect.poll(() => Date.now()).toBeGreaterThan(Date.now());
  const rule = vault.emulator.faults.add({ fault: { kind: "claims-challenge" }, vault: "challenge-claims" });
  await client.setSecret("cae", "after");
  expect(rule.fired).toBe(2);
  expect(vault.emulator.oracle.requests({ vault: "challenge-claims", status: 401 })).toHaveLength(2);
  rule.remove();
});

test.each(needs("control"))("tokens can be revoked all at once", async () => {
  const token = vault.emulator.issueToken();
  expect((await vault.raw("GET", "/secrets", { token })).status).toBe(200);
  vault.emulator.revokeTokens();
  expect((await vault.raw("GET", "/secrets", { token })).status).toBe(401);
  await vault.renewToken();
});

test.each(needs("control"))("a wrong client secret gets no token", async () => {
  const credential = vault.credential(DEFAULT_CLIENT_ID, "wrong");
  await expect(credential.getToken("https://vault.azure.net/.default")).rejects.toThrow("AADSTS7000215");
});

test.each(needs("control"))("an unknown client gets no token", async () => {
  const credential = vault.credential("00000000-0000-4000-8000-000000000000", "any");
  await expect(credential.getToken("https://vault.azure.net/.default")).rejects.toThrow("AADSTS700016");
});

test.each(needs("control"))("an unknown tenant gets no token", async () => {
  const tenant = "00000000-0000-4000-8000-000000000000";
  const credential = new ClientSecretCredential(tenant, DEFAULT_CLIENT_ID, "any", vault.identityOptions());
  await expect(credential.getToken("https://vault.azure.net/.default")).rejects.toThrow("endpoints");
});

test.each(needs("control"))("a federated credential's assertion gets a token that is taken", async () => {
  const sign = async (): Promise<string> =>
    assertion({ iss: ISSUER, sub: "system:serviceaccount:keyferry:sink" });
  const credential = new ClientAssertionCredential(
    DEFAULT_TENANT_ID,
    FEDERATED,
    sign,
    vault.identityOptions(),
  );
  const { token } = await credential.getToken("https://vault.azure.net/.default");
  expect((await vault.raw("GET", "/secrets", { token })).status).toBe(200);
});

test.each(needs("control"))("an assertion of another subject, or an old one, gets no token", async () => {
  const right = { iss: ISSUER, sub: "system:serviceaccount:keyferry:sink" };
  for (const [claims, code] of [
    [{ ...right, sub: "system:serviceaccount:other:sink" }, "AADSTS700213"],
    [{ ...right, iss: "https://other.test" }, "AADSTS700211"],
    [{ ...right, exp: 1 }, "AADSTS700024"],
  ] as const) {
    const sign = async (): Promise<string> => assertion(claims);
    const credential = new ClientAssertionCredential(
      DEFAULT_TENANT_ID,
      FEDERATED,
      sign,
      vault.identityOptions(),
    );
    await expect(credential.getToken("https://vault.azure.net/.default")).rejects.toThrow(code);
  }
});
