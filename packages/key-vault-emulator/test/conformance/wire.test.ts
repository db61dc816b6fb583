// Proves: what is the same for every operation: api-version, paths, methods, headers, the form of errors.
import { expect, test } from "vitest";
import { told } from "../support/refusals.ts";
import { needs, vaultUnderTest } from "../support/vault-under-test.ts";

const vault = vaultUnderTest();

test("a request without an api-version is a bad parameter", async () => {
  const answer = await vault.raw("GET", "/secrets", { noVersion: true });
  expect(told(answer)).toMatchObject({ status: 400, code: "BadParameter" });
});

test.each(["1.0", "2015-06-01x", "latest", "7.6.1"])(
  "the api-version %s is a bad parameter",
  async (version) => {
    const answer = await vault.raw("GET", `/secrets?api-version=${version}`, { noVersion: true });
    expect(told(answer)).toMatchObject({ status: 400, code: "BadParameter" });
  },
);

test.each(["7.4", "7.5", "7.6", "2025-07-01", "2026-04-01"])(
  "the api-version %s is served",
  async (version) => {
    const answer = await vault.raw("GET", `/secrets?api-version=${version}`, { noVersion: true });
    expect(answer.status).toBe(200);
  },
);

test.each(["7.4", "7.5", "7.6", "2025-07-01", "2026-04-01"] as const)(
  "the SDK sets and gets with the service version %s",
  async (serviceVersion) => {
    const client = vault.client(undefined, { serviceVersion });
    const name = vault.freshName("wire");
    await client.setSecret(name, "v");
    expect((await client.getSecret(name)).value).toBe("v");
  },
);

test("names in the query may be percent-encoded, as the SDK writes them", async () => {
  const answer = await vault.raw("GET", "/secrets?api%2Dversion=7.6&%6Daxresults=1", { noVersion: true });
  expect(answer.status).toBe(200);
});

test("an error is a code and a message in JSON", async () => {
  const answer = await vault.raw("GET", `/secrets/${vault.freshName("wire")}`);
  expect(answer.headers["content-type"]).toMatch(/^application\/json/);
  expect(answer.json).toEqual({ error: { code: "SecretNotFound", message: expect.any(String) } });
});

test("the client's request id is echoed, beside the service's own", async () => {
  const id = "11111111-2222-3333-4444-555555555555";
  const { headers } = await vault.raw("GET", "/secrets", { headers: { "x-ms-client-request-id": id } });
  expect(headers["x-ms-client-request-id"]).toBe(id);
  expect(headers["x-ms-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
});

test("answers tell region and service version, and are not to be kept", async () => {
  const { headers } = await vault.raw("GET", "/secrets");
  expect(headers["x-ms-keyvault-region"]).toMatch(/^[a-z0-9]+$/);
  expect(headers["x-ms-keyvault-service-version"]).toMatch(/^\d/);
  expect(headers["cache-control"]).toBe("no-cache");
});

test("each answer has another request id", async () => {
  const ids = [await vault.raw("GET", "/secrets"), await vault.raw("GET", "/secrets")].map(
    ({ headers }) => headers["x-ms-request-id"],
  );
  expect(new Set(ids).size).toBe(2);
});

test.each([
  ["POST", "/secrets"],
  ["DELETE", "/secrets"],
  ["POST", "/secrets/some-name"],
  ["PUT", "/secrets/some-name/0123456789abcdef0123456789abcdef"],
  ["DELETE", "/secrets/some-name/0123456789abcdef0123456789abcdef"],
  ["PUT", "/deletedsecrets/some-name"],
] as const)("%s %s is a method that is not allowed", async (method, path) => {
  expect((await vault.raw(method, path)).status).toBe(405);
});

test.each(["/", "/nothing", "/secrets/a/b/c/d"])("there is nothing at %s", async (path) => {
  const { status } = await vault.raw("GET", path);
  expect([400, 404]).toContain(status);
});

test("a path that is not well encoded is refused", async () => {
  const { status } = await vault.raw("GET", "/secrets/%E0%A4%A");
  expect(status).toBe(400);
});

test.each(needs("control"))("vaults are told apart by their host on one port", async () => {
  await vault.client("wire-one").setSecret("same-name", "one");
  await vault.client("wire-two").setSecret("same-name", "two");
  expect((await vault.client("wire-one").getSecret("same-name")).value).toBe("one");
  expect((await vault.client("wire-two").getSecret("same-name")).value).toBe("two");
});

test.each(needs("control"))("a vault is the same in any case of its host", async () => {
  await vault.raw("PUT", "/secrets/host-case", { vault: "wire-case", body: { value: "v" } });
  const host = `WIRE-CASE.vault.azure.net:${vault.emulator.port}`;
  const { json } = await vault.raw("GET", "/secrets/host-case", { vault: "wire-case", headers: { host } });
  expect(json["value"]).toBe("v");
});
