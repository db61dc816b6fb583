// Proves: a connection check tells what is wrong as it is, changes nothing unless it is asked to, and leaves alone what is
// not its own.
import type { CheckFinding } from "@keyferry/contracts";
import { SecretValue } from "@keyferry/ports";
import { expect, test } from "vitest";
import { checkConnection, createKeyVault, type KeyVaultOptions } from "../src/index.ts";
import { call, optionsFor, startWorld, VAULT } from "./world.ts";

const CLIENT = "4c9b1f5e-0d5e-4c19-8f6c-7f3d2a1b0c9d";
const signal = new AbortController().signal;

function told(findings: readonly CheckFinding[]): string[] {
  return findings.map(({ check, ok }) => `${ok ? "ok" : "not"} ${check}`);
}

async function check(options: KeyVaultOptions, probe?: string): Promise<CheckFinding[]> {
  return checkConnection(options, { signal, ...(probe === undefined ? {} : { probe }) });
}

test("what is right: name, TLS, tenant, token, both lists; nothing is written", async () => {
  await using world = await startWorld();
  const findings = await check(optionsFor(world.emulator));
  expect(told(findings)).toEqual(["ok dns", "ok tls", "ok tenant", "ok token", "ok list", "ok list-deleted"]);
  expect(world.emulator.oracle.effects({ vault: VAULT })).toEqual([]);
});

test("soft delete and purge protection are seen where there is a secret", async () => {
  await using world = await startWorld({ vaults: { [VAULT]: { purgeProtection: true } } });
  await world.vault.put("a", { value: new SecretValue("v"), tags: {} }, call());
  const findings = await check(optionsFor(world.emulator));
  expect(findings.slice(-2)).toMatchObject([
    { check: "soft-delete", ok: true, detail: expect.stringContaining("on") },
    { check: "purge-protection", ok: true, detail: expect.stringContaining("on") },
  ]);
});

test("a wrong secret is certain, by Entra's code; a wrong tenant is named beside the right one", async () => {
  await using world = await startWorld();
  const options = optionsFor(world.emulator);
  const wrongSecret = { ...options.credential, clientSecret: new SecretValue("canary-secret") };
  const [last] = (await check({ ...options, credential: wrongSecret })).slice(-1);
  expect(last).toMatchObject({
    check: "token",
    ok: false,
    isCertain: true,
    detail: expect.stringContaining("AADSTS7000215 (client_secret is wrong"),
  });
  expect(JSON.stringify(last)).not.toContain("canary-secret");
  const wrongTenant = { ...options.credential, tenantId: "99999999-0d5e-4c19-8f6c-7f3d2a1b0c9d" };
  expect((await check({ ...options, credential: wrongTenant })).at(-1)).toMatchObject({
    check: "tenant",
    isCertain: true,
    advice: expect.stringContaining(options.credential.tenantId),
  });
});

test("a role that lacks something is told the data action, and it is not certain: roles take their time", async () => {
  await using world = await startWorld({
    principals: [{ clientId: CLIENT, clientSecret: "s", access: { model: "rbac", actions: ["setSecret"] } }],
  });
  const options = optionsFor(world.emulator);
  const credential = { ...options.credential, clientId: CLIENT, clientSecret: new SecretValue("s") };
  expect((await check({ ...options, credential })).at(-1)).toMatchObject({
    check: "list",
    ok: false,
    isCertain: false,
    detail: expect.stringContaining("Microsoft.KeyVault/vaults/secrets/readMetadata/action"),
  });
});

test("a certificate that is not trusted, and no server at all, are told apart", async () => {
  await using world = await startWorld();
  const options = optionsFor(world.emulator);
  const { ca: _ca, ...untrusting } = options;
  expect((await check(untrusting)).at(-1)).toMatchObject({
    check: "tls",
    detail: expect.stringContaining("is not trusted"),
  });
  expect((await check({ ...options, emulator: { address: "127.0.0.1:1" } })).at(-1)).toMatchObject({
    check: "tls",
    detail: expect.stringContaining("no connection to kv-adapter.vault.azure.net: ECONNREFUSED"),
  });
});

test("asked to write: the probe is written, changed and removed, twice in a row", async () => {
  await using world = await startWorld();
  for (let round = 0; round < 2; round += 1) {
    const findings = await check(optionsFor(world.emulator), "i1");
    expect(told(findings).slice(6)).toEqual(
      expect.arrayContaining(["ok recover", "ok set", "ok update", "ok delete"]),
    );
  }
  const names = world.emulator.oracle.effects({ vault: VAULT }).map(({ name }) => name);
  expect(new Set(names)).toEqual(new Set(["keyferry-probe-i1"]));
});

test("asked to write: a secret of the probe's name that has no mark is left alone", async () => {
  await using world = await startWorld();
  const vault = createKeyVault(optionsFor(world.emulator));
  await vault.put("keyferry-probe-i1", { value: new SecretValue("theirs"), tags: {} }, call());
  await vault.close();
  const findings = await check(optionsFor(world.emulator), "i1");
  expect(findings.at(-1)).toMatchObject({
    check: "set",
    ok: false,
    detail: expect.stringContaining("no probe"),
  });
  expect(world.emulator.oracle.effects({ vault: VAULT })).toHaveLength(1);
});
