// Hazard uri-aimed-elsewhere: what a client is made for, and that the emulator changes the socket's address only.
import { KeyferryError } from "@keyferry/errors";
import { SecretValue } from "@keyferry/ports";
import { expect, test } from "vitest";
import { createKeyVault } from "../src/index.ts";
import { AUTHORITY_NAME, call, optionsFor, startWorld, VAULT } from "./world.ts";

test("an address or a tenant that is not one of the cloud's makes no client", async () => {
  await using world = await startWorld();
  const options = optionsFor(world.emulator);
  const bad = [
    { uri: "http://kv-a.vault.azure.net" },
    { uri: "https://kv-a.vault.azure.net:8443" },
    { uri: "https://kv-a.vault.azure.net.evil.example" },
    { uri: "https://127.0.0.1" },
    { uri: "https://kv-a.vault.azure.cn" },
    { credential: { ...options.credential, tenantId: "../evil" } },
    { authorityHost: "http://login.example" },
    { authorityHost: "https://user@login.example" },
    { authorityHost: "https://login.example/x" },
    { emulator: { address: "127.0.0.1" } },
    { emulator: { address: "127.0.0.1:0" } },
    { emulator: { address: "user@127.0.0.1:1" } },
    { caFile: "/does/not/exist.pem" },
  ];
  for (const change of bad) {
    const attempt = () => createKeyVault({ ...options, ...change });
    expect(attempt).toThrow(KeyferryError);
    expect(attempt).toThrow(expect.objectContaining({ code: "config-invalid" }) as Error);
  }
});

test("the same client, in the spelling of a real one, reaches the emulator's vault and authority", async () => {
  await using world = await startWorld();
  const vault = world.connect({ uri: `https://${VAULT.toUpperCase()}.VAULT.azure.net/` });
  expect(vault.vaultHost).toBe(`${VAULT}.vault.azure.net`);
  expect(await vault.put("a", { value: new SecretValue("v"), tags: {} }, call())).toMatchObject({
    kind: "put",
  });
  expect(world.emulator.oracle.effects({ vault: VAULT })).toHaveLength(1);
});

test("an authority of another name is reached at the emulator's address too, if its certificate says so", async () => {
  await using world = await startWorld();
  const local = world.connect({ authorityHost: "https://localhost" });
  expect(await local.put("a", { value: new SecretValue("v"), tags: {} }, call())).toMatchObject({
    kind: "put",
  });
  const unvouched = world.connect({ authorityHost: `https://not-${AUTHORITY_NAME}` });
  await expect(unvouched.delete("a", call())).rejects.toMatchObject({ code: "vault-unreachable" });
});
