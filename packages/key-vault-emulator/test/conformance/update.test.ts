// Proves: PATCH changes attributes, content type and tags of one version, and never makes a version or shows a value.
import { expect, test } from "vitest";
import { refused, told } from "../support/refusals.ts";
import { vaultUnderTest } from "../support/vault-under-test.ts";

const vault = vaultUnderTest();

test("an update without a version changes the latest one", async () => {
  const client = vault.client();
  const name = vault.freshName("update");
  const { properties } = await client.setSecret(name, "v");
  const updated = await client.updateSecretProperties(name, "", { tags: { a: "1" } });
  expect(updated.version).toBe(properties.version);
  expect((await client.getSecret(name)).properties.tags).toEqual({ a: "1" });
});

test("an update makes no version", async () => {
  const client = vault.client();
  const name = vault.freshName("update");
  await client.setSecret(name, "v");
  await client.updateSecretProperties(name, "", { tags: { a: "1" } });
  const { json } = await vault.raw("GET", `/secrets/${name}/versions`);
  expect(json["value"]).toHaveLength(1);
});

test("the answer has no value", async () => {
  const name = vault.freshName("update");
  await vault.raw("PUT", `/secrets/${name}`, { body: { value: "v" } });
  const { status, json } = await vault.raw("PATCH", `/secrets/${name}`, { body: { tags: { a: "1" } } });
  expect(status).toBe(200);
  expect(json).not.toHaveProperty("value");
  expect(json).toHaveProperty("id");
});

test("an older version can be changed by its id", async () => {
  const client = vault.client();
  const name = vault.freshName("update");
  const old = (await client.setSecret(name, "old", { tags: { which: "old" } })).properties.version ?? "";
  await client.setSecret(name, "new", { tags: { which: "new" } });
  await client.updateSecretProperties(name, old, { tags: { which: "changed" } });
  expect((await client.getSecret(name, { version: old })).properties.tags).toEqual({ which: "changed" });
  expect((await client.getSecret(name)).properties.tags).toEqual({ which: "new" });
});

test("tags are replaced as a whole", async () => {
  const client = vault.client();
  const name = vault.freshName("update");
  await client.setSecret(name, "v", { tags: { a: "1", b: "2" } });
  expect((await client.updateSecretProperties(name, "", { tags: { c: "3" } })).tags).toEqual({ c: "3" });
});

test("tags that are not mentioned stay", async () => {
  const client = vault.client();
  const name = vault.freshName("update");
  await client.setSecret(name, "v", { tags: { a: "1" } });
  expect((await client.updateSecretProperties(name, "", { contentType: "text/plain" })).tags).toEqual({
    a: "1",
  });
});

test("the content type that is not mentioned stays", async () => {
  const client = vault.client();
  const name = vault.freshName("update");
  await client.setSecret(name, "v", { contentType: "text/plain" });
  const updated = await client.updateSecretProperties(name, "", { tags: { a: "1" } });
  expect(updated.contentType).toBe("text/plain");
});

test("a secret can be disabled and enabled again", async () => {
  const client = vault.client();
  const name = vault.freshName("update");
  await client.setSecret(name, "v");
  expect((await client.updateSecretProperties(name, "", { enabled: false })).enabled).toBe(false);
  expect(await refused(client.getSecret(name))).toMatchObject({ status: 403, inner: "SecretDisabled" });
  await client.updateSecretProperties(name, "", { enabled: true });
  expect((await client.getSecret(name)).value).toBe("v");
});

test("a disabled secret can be set", async () => {
  const client = vault.client();
  const name = vault.freshName("update");
  await client.setSecret(name, "v", { enabled: false });
  await client.setSecret(name, "next");
  expect((await client.getSecret(name)).value).toBe("next");
});

test("not-before and expiry can be changed", async () => {
  const client = vault.client();
  const name = vault.freshName("update");
  await client.setSecret(name, "v");
  const expiresOn = new Date("2036-06-01T00:00:00Z");
  expect((await client.updateSecretProperties(name, "", { expiresOn })).expiresOn).toEqual(expiresOn);
});

test("created stays, and updated is not before it", async () => {
  const client = vault.client();
  const name = vault.freshName("update");
  const { properties } = await client.setSecret(name, "v");
  const updated = await client.updateSecretProperties(name, "", { tags: { a: "1" } });
  expect(updated.createdOn).toEqual(properties.createdOn);
  expect(updated.updatedOn?.getTime()).toBeGreaterThanOrEqual(properties.createdOn?.getTime() ?? 0);
});

test("a value in an update changes nothing", async () => {
  const name = vault.freshName("update");
  await vault.raw("PUT", `/secrets/${name}`, { body: { value: "v" } });
  await vault.raw("PATCH", `/secrets/${name}`, { body: { value: "other", tags: { a: "1" } } });
  expect((await vault.raw("GET", `/secrets/${name}`)).json["value"]).toBe("v");
});

test("a secret that is not there is SecretNotFound", async () => {
  const call = vault.client().updateSecretProperties(vault.freshName("update"), "", { tags: { a: "1" } });
  expect(await refused(call)).toMatchObject({ status: 404, code: "SecretNotFound" });
});

test("a version that is not there is SecretNotFound", async () => {
  const client = vault.client();
  const name = vault.freshName("update");
  await client.setSecret(name, "v");
  const call = client.updateSecretProperties(name, "0123456789abcdef0123456789abcdef", { tags: { a: "1" } });
  expect(await refused(call)).toMatchObject({ status: 404, code: "SecretNotFound" });
});

test.each([
  ["an expiry that is a text", { attributes: { exp: "tomorrow" } }],
  ["enabled that is a text", { attributes: { enabled: "no" } }],
  ["tags that are a list", { tags: ["a"] }],
])("an update with %s is a bad parameter", async (_what, body) => {
  const name = vault.freshName("update");
  await vault.raw("PUT", `/secrets/${name}`, { body: { value: "v" } });
  expect(told(await vault.raw("PATCH", `/secrets/${name}`, { body }))).toMatchObject({
    status: 400,
    code: "BadParameter",
  });
});
