// Proves: what GET of a secret and of a version gives, and when it does not.
import { expect, test } from "vitest";
import { refused } from "../support/refusals.ts";
import { vaultUnderTest } from "../support/vault-under-test.ts";

const vault = vaultUnderTest();

test("the latest version is what a get without a version gives", async () => {
  const client = vault.client();
  const name = vault.freshName("get");
  await client.setSecret(name, "old");
  const latest = await client.setSecret(name, "new");
  const got = await client.getSecret(name);
  expect(got.value).toBe("new");
  expect(got.properties.version).toBe(latest.properties.version);
});

test("an older version can be had by its id", async () => {
  const client = vault.client();
  const name = vault.freshName("get");
  const old = await client.setSecret(name, "old");
  await client.setSecret(name, "new");
  const version = old.properties.version ?? "";
  expect((await client.getSecret(name, { version })).value).toBe("old");
});

test("a secret that is not there is SecretNotFound", async () => {
  expect(await refused(vault.client().getSecret(vault.freshName("get")))).toEqual({
    status: 404,
    code: "SecretNotFound",
    inner: undefined,
  });
});

test("a version that is not there is SecretNotFound", async () => {
  const client = vault.client();
  const name = vault.freshName("get");
  await client.setSecret(name, "v");
  const call = client.getSecret(name, { version: "0123456789abcdef0123456789abcdef" });
  expect(await refused(call)).toMatchObject({ status: 404, code: "SecretNotFound" });
});

test("a disabled secret is refused with SecretDisabled", async () => {
  const client = vault.client();
  const name = vault.freshName("get");
  await client.setSecret(name, "v", { enabled: false });
  expect(await refused(client.getSecret(name))).toEqual({
    status: 403,
    code: "Forbidden",
    inner: "SecretDisabled",
  });
});

test("a disabled older version does not stand in the way of the latest", async () => {
  const client = vault.client();
  const name = vault.freshName("get");
  await client.setSecret(name, "old", { enabled: false });
  await client.setSecret(name, "new");
  expect((await client.getSecret(name)).value).toBe("new");
});

test("an expired secret can be read: expiry only informs", async () => {
  const client = vault.client();
  const name = vault.freshName("get");
  await client.setSecret(name, "v", { expiresOn: new Date("2020-01-01T00:00:00Z") });
  expect((await client.getSecret(name)).value).toBe("v");
});

test("a secret can be read before its time", async () => {
  const client = vault.client();
  const name = vault.freshName("get");
  await client.setSecret(name, "v", { notBefore: new Date("2037-01-01T00:00:00Z") });
  expect((await client.getSecret(name)).value).toBe("v");
});

test("a trailing slash asks for the latest version", async () => {
  const name = vault.freshName("get");
  await vault.raw("PUT", `/secrets/${name}`, { body: { value: "v" } });
  const [bare, slashed] = [
    await vault.raw("GET", `/secrets/${name}`),
    await vault.raw("GET", `/secrets/${name}/`),
  ];
  expect(slashed.json).toEqual(bare.json);
});

test("the collection's name is taken in any case", async () => {
  const name = vault.freshName("get");
  await vault.raw("PUT", `/secrets/${name}`, { body: { value: "v" } });
  expect((await vault.raw("GET", `/Secrets/${name}`)).json["value"]).toBe("v");
});

test("a secret is there at once for another client", async () => {
  const name = vault.freshName("get");
  await vault.client().setSecret(name, "v");
  expect((await vault.client().getSecret(name)).value).toBe("v");
});
