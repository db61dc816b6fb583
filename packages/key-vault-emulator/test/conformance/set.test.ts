// Proves: what PUT /secrets/{name} takes, what it gives, and what it refuses.
import { expect, test } from "vitest";
import { refused, told } from "../support/refusals.ts";
import { vaultUnderTest } from "../support/vault-under-test.ts";

const vault = vaultUnderTest();

test("a new secret comes back with its value, its name and a version of 32 hex characters", async () => {
  const name = vault.freshName("set");
  const secret = await vault.client().setSecret(name, "first");
  expect(secret.value).toBe("first");
  expect(secret.name).toBe(name);
  expect(secret.properties.version).toMatch(/^[0-9a-f]{32}$/);
});

test("the id is the vault's host without a port, the name and the version", async () => {
  const name = vault.freshName("set");
  const { json } = await vault.raw("PUT", `/secrets/${name}`, { body: { value: "v" } });
  expect(json["id"]).toMatch(
    new RegExp(`^https://[0-9a-z-]+\\.vault\\.azure\\.net/secrets/${name}/[0-9a-f]{32}$`),
  );
});

test("every set makes a version, even with the same value", async () => {
  const client = vault.client();
  const name = vault.freshName("set");
  const first = await client.setSecret(name, "same");
  const second = await client.setSecret(name, "same");
  expect(second.properties.version).not.toBe(first.properties.version);
});

test("an empty value is a value", async () => {
  const secret = await vault.client().setSecret(vault.freshName("set"), "");
  expect(secret.value).toBe("");
});

test("a value keeps every character", async () => {
  const value = 'é 漢字 \u{1f511} "quoted" \\ \u0000 \n end';
  const client = vault.client();
  const name = vault.freshName("set");
  await client.setSecret(name, value);
  expect((await client.getSecret(name)).value).toBe(value);
});

test("a value of 25,600 bytes is taken", async () => {
  const answer = await vault.raw("PUT", `/secrets/${vault.freshName("set")}`, {
    body: { value: "x".repeat(25_600) },
  });
  expect(answer.status).toBe(200);
});

test("a value of 25,601 bytes is a bad parameter", async () => {
  const call = vault.client().setSecret(vault.freshName("set"), "x".repeat(25_601));
  expect(await refused(call)).toMatchObject({ status: 400, code: "BadParameter" });
});

test("the limit of a value counts UTF-8 bytes, not characters", async () => {
  const call = vault.client().setSecret(vault.freshName("set"), "é".repeat(12_801));
  expect(await refused(call)).toMatchObject({ status: 400, code: "BadParameter" });
});

test("a name of 127 characters is taken", async () => {
  const name = vault.freshName("set").padEnd(127, "x");
  expect((await vault.client().setSecret(name, "v")).name).toBe(name);
});

test("a name of 128 characters is a bad parameter", async () => {
  const name = vault.freshName("set").padEnd(128, "x");
  expect(await refused(vault.client().setSecret(name, "v"))).toMatchObject({
    status: 400,
    code: "BadParameter",
  });
});

test.each(["with_underscore", "with.dot", "with%20blank", "%C3%A9"])(
  "the name %s is a bad parameter",
  async (name) => {
    const answer = await vault.raw("PUT", `/secrets/${name}`, { body: { value: "v" } });
    expect(told(answer)).toMatchObject({ status: 400, code: "BadParameter" });
  },
);

test("a name may start with a digit", async () => {
  const name = `1-${vault.freshName("set")}`;
  expect((await vault.client().setSecret(name, "v")).name).toBe(name);
});

test("a name may start with a dash", async () => {
  const name = `-${vault.freshName("set")}`;
  expect((await vault.client().setSecret(name, "v")).name).toBe(name);
});

test("names are the same in any case", async () => {
  const client = vault.client();
  const name = vault.freshName("Set-Case");
  await client.setSecret(name, "old");
  await client.setSecret(name.toUpperCase(), "new");
  expect((await client.getSecret(name.toLowerCase())).value).toBe("new");
});

test("a name is shown as it was first spelled", async () => {
  const client = vault.client();
  const name = vault.freshName("Set-Case");
  await client.setSecret(name, "v");
  expect((await client.getSecret(name.toLowerCase())).name).toBe(name);
});

test("content type and tags come back", async () => {
  const options = { contentType: "text/plain", tags: { owner: "me", "with blank": "ü" } };
  const { properties } = await vault.client().setSecret(vault.freshName("set"), "v", options);
  expect(properties.contentType).toBe("text/plain");
  expect(properties.tags).toEqual(options.tags);
});

test("a content type of 255 characters is taken, one of 256 refused", async () => {
  const client = vault.client();
  const name = vault.freshName("set");
  const secret = await client.setSecret(name, "v", { contentType: "c".repeat(255) });
  expect(secret.properties.contentType).toHaveLength(255);
  const call = client.setSecret(name, "v", { contentType: "c".repeat(256) });
  expect(await refused(call)).toMatchObject({ status: 400, code: "BadParameter" });
});

test("15 tags are taken, 16 refused", async () => {
  const client = vault.client();
  const name = vault.freshName("set");
  const tags = (count: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`tag-${at}`, "x"]));
  await client.setSecret(name, "v", { tags: tags(15) });
  expect(await refused(client.setSecret(name, "v", { tags: tags(16) }))).toMatchObject({ status: 400 });
});

test("a tag's value of 256 characters is taken, one of 513 refused", async () => {
  const client = vault.client();
  const name = vault.freshName("set");
  await client.setSecret(name, "v", { tags: { t: "x".repeat(256) } });
  expect(await refused(client.setSecret(name, "v", { tags: { t: "x".repeat(513) } }))).toMatchObject({
    status: 400,
  });
});

test("a tag's name of 513 characters is refused", async () => {
  const call = vault.client().setSecret(vault.freshName("set"), "v", { tags: { ["x".repeat(513)]: "v" } });
  expect(await refused(call)).toMatchObject({ status: 400, code: "BadParameter" });
});

test("a set without tags makes a version without tags", async () => {
  const client = vault.client();
  const name = vault.freshName("set");
  await client.setSecret(name, "v", { tags: { a: "b" }, contentType: "text/plain" });
  const { properties } = await client.setSecret(name, "v");
  expect(properties.tags).toBeUndefined();
  expect(properties.contentType).toBeUndefined();
});

test("enabled, not-before and expiry come back", async () => {
  const notBefore = new Date("2030-01-01T00:00:00Z");
  const expiresOn = new Date("2031-01-01T00:00:00Z");
  const options = { enabled: false, notBefore, expiresOn };
  const { properties } = await vault.client().setSecret(vault.freshName("set"), "v", options);
  expect(properties).toMatchObject(options);
});

test("created and updated are whole seconds, and the same for a new version", async () => {
  const { json } = await vault.raw("PUT", `/secrets/${vault.freshName("set")}`, { body: { value: "v" } });
  const { created, updated, enabled } = json["attributes"] as Record<string, unknown>;
  expect(Number.isInteger(created)).toBe(true);
  expect(updated).toBe(created);
  expect(enabled).toBe(true);
});

test("the attributes tell how deletion can be undone", async () => {
  const { properties } = await vault.client().setSecret(vault.freshName("set"), "v");
  expect(properties.recoveryLevel).toMatch(/Recoverable/);
  expect(properties.recoverableDays).toBeGreaterThanOrEqual(7);
});

test.each([
  ["no body", undefined],
  ["no value", "{}"],
  ["a value that is null", '{"value":null}'],
  ["a value that is a number", '{"value":1}'],
  ["a list", "[]"],
  ["half of a JSON text", '{"value":"v'],
  ["a text that is not JSON", "value=v"],
])("a set with %s is a bad parameter", async (_what, text) => {
  const call = text === undefined ? {} : { text };
  const answer = await vault.raw("PUT", `/secrets/${vault.freshName("set")}`, call);
  expect(told(answer)).toMatchObject({ status: 400, code: "BadParameter" });
});

test("tags that are not texts are a bad parameter", async () => {
  const answer = await vault.raw("PUT", `/secrets/${vault.freshName("set")}`, {
    body: { value: "v", tags: { a: {} } },
  });
  expect(told(answer)).toMatchObject({ status: 400, code: "BadParameter" });
});

test("a set without a name is a method that is not allowed", async () => {
  const answer = await vault.raw("PUT", "/secrets/", { body: { value: "v" } });
  expect(told(answer)).toMatchObject({ status: 405, code: "MethodNotAllowed" });
});
