// Proves with the real SDK, against the emulator's authority, which checks signatures: each way to log in writes a secret,
// and each way in which it can be wrong is told as it is, without the credential.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_TENANT_ID } from "@keyferry/key-vault-emulator";
import { SecretValue } from "@keyferry/ports";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AzureCredential, KeyVault } from "../src/index.ts";
import { makeApplicationCertificate, TestIssuer } from "./support-jwt.ts";
import { call, rejection, startWorld, VAULT, type World } from "./world.ts";

const CERTIFIED = "0c9b1f5e-0d5e-4c19-8f6c-7f3d2a1b0c9d";
const FEDERATED = "1c9b1f5e-0d5e-4c19-8f6c-7f3d2a1b0c9d";
const MACHINE = "2c9b1f5e-0d5e-4c19-8f6c-7f3d2a1b0c9d";
const SECOND = "3c9b1f5e-0d5e-4c19-8f6c-7f3d2a1b0c9d";
const issuer = new TestIssuer();

let world: World;
let dir: string;
let certificate: string;
let otherCertificate: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "keyferry-credentials-"));
  const made = await makeApplicationCertificate();
  certificate = made.pem;
  otherCertificate = (await makeApplicationCertificate()).pem;
  world = await startWorld({
    managedIdentityPort: 0,
    principals: [
      { clientId: CERTIFIED, certificates: [made.certificate] },
      {
        clientId: FEDERATED,
        federated: {
          issuer: issuer.url,
          subject: "system:serviceaccount:keyferry:sink",
          publicKey: issuer.publicKey,
        },
      },
      { clientId: MACHINE, managedIdentity: true },
      { clientId: SECOND },
    ],
  });
  // The one override of the endpoint that @azure/identity honours, through MSAL.
  process.env["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = world.emulator.managedIdentityUrl;
});

afterAll(async () => {
  delete process.env["AZURE_POD_IDENTITY_AUTHORITY_HOST"];
  await world[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

const application = (clientId: string) => ({ tenantId: DEFAULT_TENANT_ID, clientId });

function certified(pem: string): AzureCredential {
  return { kind: "certificate", ...application(CERTIFIED), certificate: new SecretValue(pem) };
}

async function federated(text: string, audience?: string): Promise<AzureCredential> {
  const tokenFile = join(dir, `token-${Math.random()}`);
  await writeFile(tokenFile, text);
  return { kind: "workload-identity", ...application(FEDERATED), tokenFile, audience };
}

function put(vault: KeyVault, name = "a"): Promise<unknown> {
  return vault.put(name, { value: new SecretValue("v"), tags: {} }, call());
}

/** Who wrote last, as the vault saw it. */
function writer(): string | undefined {
  return world.emulator.oracle.requests({ vault: VAULT, operation: "set", status: 200 }).at(-1)?.principal;
}

test("a certificate: the assertion's signature is checked, and a secret is written", async () => {
  const vault = world.connect({ credential: certified(certificate) });
  expect(await put(vault)).toMatchObject({ kind: "put" });
  expect(writer()).toBe(CERTIFIED);
});

test("a certificate that is not the application's is told by Entra's code, and its key is nowhere in the error", async () => {
  const error = await rejection(put(world.connect({ credential: certified(otherCertificate) })));
  expect(error).toMatchObject({
    code: "vault-credential",
    message: expect.stringContaining("AADSTS700027 (the certificate is not registered"),
  });
  expect(JSON.stringify(error)).not.toContain("PRIVATE");
});

test("workload identity: the platform's token is exchanged for one of Azure's", async () => {
  const vault = world.connect({ credential: await federated(`${issuer.token()}\n`) });
  expect(await put(vault)).toMatchObject({ kind: "put" });
  expect(writer()).toBe(FEDERATED);
});

test("workload identity: what is wrong with the platform's token is told", async () => {
  const cases: readonly [AzureCredential, RegExp][] = [
    [await federated(issuer.token({ aud: "vault" })), /not for api:\/\/AzureADTokenExchange/],
    [await federated(issuer.token(), "api://other"), /not for api:\/\/other/],
    [await federated("no token"), /holds no JWT/],
    [
      { kind: "workload-identity", ...application(FEDERATED), tokenFile: join(dir, "none") },
      /can't be read: ENOENT/,
    ],
    [await federated(issuer.token({ sub: "other" })), /AADSTS700213/],
    [await federated(issuer.token({ iss: "https://other.test" })), /AADSTS700211/],
    [await federated(issuer.token({ exp: 1 })), /AADSTS700024/],
    [await federated(new TestIssuer().token()), /AADSTS50013/],
  ];
  for (const [credential, message] of cases) {
    expect(await rejection(put(world.connect({ credential })))).toMatchObject({
      code: "vault-credential",
      message: expect.stringMatching(message),
    });
  }
});

test("managed identity: the machine's own, and one that is named", async () => {
  const own: AzureCredential = { kind: "managed-identity", ...application("") };
  expect(await put(world.connect({ credential: own }))).toMatchObject({ kind: "put" });
  expect(writer()).toBe(MACHINE);
  const named: AzureCredential = { kind: "managed-identity", ...application(SECOND) };
  expect(await put(world.connect({ credential: named }))).toMatchObject({ kind: "put" });
  expect(writer()).toBe(SECOND);
});

test("managed identity: one that the machine does not have is told", async () => {
  const unknown: AzureCredential = {
    kind: "managed-identity",
    ...application("9c9b1f5e-0d5e-4c19-8f6c-7f3d2a1b0c9d"),
  };
  expect(await rejection(put(world.connect({ credential: unknown })))).toMatchObject({
    code: "vault-credential",
    message: expect.stringContaining("does not know the identity"),
  });
});

test("fifty callers on a cold client of each kind: one handshake, and no value without a token", async () => {
  for (const credential of [certified(certificate), await federated(issuer.token())]) {
    const vault = world.connect({ credential });
    const before = world.emulator.oracle.requests({}).length;
    await Promise.all(Array.from({ length: 50 }, (_, index) => put(vault, `n${index}`)));
    expect(
      world.emulator.oracle
        .requests({})
        .slice(before)
        .filter(({ status }) => status === 401),
    ).toHaveLength(1);
  }
  expect(world.emulator.oracle.leaks()).toEqual([]);
});

test.each([
  ["AzureChinaCloud", "vault.azure.cn", "login.chinacloudapi.cn"],
  ["AzureUSGovernmentCloud", "vault.usgovcloudapi.net", "login.microsoftonline.us"],
])("%s: its own suffix, authority and audience", async (cloud, vaultSuffix, authority) => {
  await using other = await startWorld({
    vaultSuffix,
    hostNames: [authority],
    challengeAuthority: `https://${authority}`,
  });
  const vault = other.connect({ uri: `https://${VAULT}.${vaultSuffix}`, cloud });
  expect(await put(vault)).toMatchObject({ kind: "put" });
  expect(() => other.connect({ uri: `https://${VAULT}.vault.azure.net`, cloud })).toThrow("does not end in");
});
