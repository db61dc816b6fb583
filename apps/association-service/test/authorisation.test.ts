// Callers are authorised by their own tokens and the policies of a real OpenBao: capabilities-self on the very path.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CONNECTION, startWorld, type World } from "./support/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.createDestination("auth", CONNECTION);
  await world.write("allowed/a");
  await world.write("forbidden/b");
});
afterAll(() => world[Symbol.asyncDispose]());

const DENIED = "1 error occurred:\n\t* permission denied\n\n";
const SYNC = "sys/sync/destinations/azure-kv/auth";

describe("tokens", () => {
  test.each([
    ["no token", null],
    ["an unknown token", "s.unknown"],
    ["an empty token", ""],
  ])("%s: 403 with Vault's words", async (_what, token) => {
    const answer = await world.call("GET", SYNC, undefined, { token });
    expect([answer.status, answer.errors]).toEqual([403, [DENIED]]);
  });

  test("a bearer token is taken too", async () => {
    const headers = { authorization: `Bearer ${world.bao.rootToken}` };
    const answer = await world.call("GET", SYNC, undefined, { token: null, headers });
    expect(answer.status).toBe(200);
  });
});

describe("capabilities on the path that is called", () => {
  test.each([
    ["read", "GET", SYNC, undefined, 200],
    ["read", "PUT", SYNC, CONNECTION, 403],
    ["read", "DELETE", SYNC, undefined, 403],
    ["update", "PUT", SYNC, CONNECTION, 200],
    ["create", "PUT", SYNC, CONNECTION, 200],
    ["update", "GET", SYNC, undefined, 403],
    ["patch", "PATCH", SYNC, {}, 200],
    ["update", "PATCH", SYNC, {}, 403],
  ])(
    "a policy with %s lets %s of %s be answered with %5$s",
    async (capability, method, path, body, status) => {
      const token = await world.tokenFor(`path "${SYNC}" { capabilities = ["${capability}"] }`);
      const headers = method === "PATCH" ? { "content-type": "application/merge-patch+json" } : {};
      const answer = await world.call(method, path, body, { token, headers });
      expect(answer.status).toBe(status);
    },
  );

  test("list needs list, on the path with or without a slash in the policy", async () => {
    const slash = await world.tokenFor('path "sys/sync/destinations/" { capabilities = ["list"] }');
    const bare = await world.tokenFor('path "sys/sync/destinations" { capabilities = ["list"] }');
    const read = await world.tokenFor('path "sys/sync/destinations/*" { capabilities = ["read"] }');
    for (const [token, status] of [
      [slash, 200],
      [bare, 200],
      [read, 403],
    ] as const) {
      const answer = await world.call("GET", "sys/sync/destinations?list=true", undefined, { token });
      expect(answer.status).toBe(status);
    }
  });

  test("activating needs sudo beside update", async () => {
    const path = "sys/activation-flags/secrets-sync/activate";
    const without = await world.tokenFor(`path "${path}" { capabilities = ["update"] }`);
    expect((await world.call("PUT", path, {}, { token: without })).status).toBe(403);
    const sudo = await world.tokenFor(`path "${path}" { capabilities = ["update", "sudo"] }`);
    expect((await world.call("PUT", path, {}, { token: sudo })).status).toBe(200);
  });

  test("a revoked right of a write counts at once: writes are never answered from the cache", async () => {
    const token = await world.tokenFor(`path "${SYNC}" { capabilities = ["update", "read"] }`);
    expect((await world.call("PUT", SYNC, CONNECTION, { token })).status).toBe(200);
    await world.vault("POST", "auth/token/revoke", { token });
    expect((await world.call("PUT", SYNC, CONNECTION, { token })).status).toBe(403);
  });
});

describe("set", () => {
  const SET = `${SYNC}/associations/set`;

  test("takes read on the secret as well, and says so in Vault's words", async () => {
    const token = await world.tokenFor(
      `path "${SET}" { capabilities = ["update"] }
       path "secret/data/allowed/*" { capabilities = ["read"] }`,
    );
    const allowed = await world.call("PUT", SET, { mount: "secret", secret_name: "allowed/a" }, { token });
    expect(allowed.status).toBe(200);
    const denied = await world.call("PUT", SET, { mount: "secret", secret_name: "forbidden/b" }, { token });
    expect([denied.status, denied.errors]).toEqual([
      403,
      ["permission denied to read the content of the secret forbidden/b in mount secret"],
    ]);
  });

  test("rule-as-deputy: a deny below a broad rule counts for the very secret", async () => {
    const token = await world.tokenFor(
      `path "${SET}" { capabilities = ["update"] }
       path "secret/data/*" { capabilities = ["read"] }
       path "secret/data/forbidden/*" { capabilities = ["deny"] }`,
    );
    const denied = await world.call("PUT", SET, { mount: "secret", secret_name: "forbidden/b" }, { token });
    expect(denied.status).toBe(403);
  });

  test("capabilities-corners: who may not read learns nothing about a mount", async () => {
    const token = await world.tokenFor(`path "${SET}" { capabilities = ["update"] }`);
    const existing = await world.call("PUT", SET, { mount: "secret", secret_name: "x" }, { token });
    const missing = await world.call("PUT", SET, { mount: "no-such", secret_name: "x" }, { token });
    expect([existing.status, missing.status]).toEqual([403, 403]);
  });

  test("path-two-spellings: only the canonical spelling is authorised, and nothing else is used", async () => {
    const token = await world.tokenFor(
      `path "${SET}" { capabilities = ["update"] }
       path "secret/data/allowed/*" { capabilities = ["read"] }`,
    );
    for (const secret_name of [
      "allowed/../forbidden/b",
      "allowed//a",
      "allowed/%2e%2e/forbidden/b",
      "/allowed/a",
    ]) {
      const answer = await world.call("PUT", SET, { mount: "secret", secret_name }, { token });
      expect(answer.status).toBe(400);
    }
  });

  test("own-mount-associated: root can't associate Keyferry's own mount either", async () => {
    for (const mount of ["keyferry", "keyferry/", "keyferry/data"]) {
      const answer = await world.call("PUT", SET, { mount, secret_name: "instance/tag-keys" });
      expect([answer.status, answer.errors.join()]).toEqual([400, expect.stringContaining("Keyferry's own")]);
    }
  });
});

describe("a namespace that does not exist", () => {
  const headers = { "x-vault-namespace": "team/nowhere" };

  test.each([
    ["GET", SYNC, undefined],
    ["GET", "sys/sync/destinations?list=true", undefined],
    ["PUT", SYNC, CONNECTION],
    ["DELETE", SYNC, undefined],
    ["PUT", `${SYNC}/associations/set`, { mount: "secret", secret_name: "allowed/a" }],
    ["PUT", `${SYNC}/associations/remove`, { mount: "secret", secret_name: "allowed/a" }],
    ["GET", "sys/sync/associations/destinations?mount=secret&secret_name=allowed/a", undefined],
    ["GET", "sys/sync/config", undefined],
    ["PUT", "sys/sync/config", {}],
    ["PUT", "sys/sync/pause", {}],
  ])("%s %s: 404 in OpenBao's own words", async (method, path, body) => {
    const answer = await world.call(method, path, body, { headers });
    expect([answer.status, answer.body]).toEqual([404, { errors: ["namespace not found"] }]);
    // The very answer of the source to the same token there.
    const own = await fetch(`${world.bao.url}/v1/sys/mounts`, {
      headers: { ...headers, "x-vault-token": world.bao.rootToken },
    });
    expect(await own.json()).toEqual(answer.body);
  });

  test("one that is made later is found: nothing of its absence is kept", async () => {
    const inTeam = { headers: { "x-vault-namespace": "later" } };
    const read = () => world.call("GET", "sys/sync/destinations?list=true", undefined, inTeam);
    expect((await read()).errors).toEqual(["namespace not found"]);
    await world.vault("POST", "sys/namespaces/later", {});
    expect((await read()).body).toEqual({ errors: [] });
  });
});

describe("operations that a path does not have are refused after the caller's right was asked", () => {
  const NO_OPERATION = ["1 error occurred:\n\t* unsupported operation\n\n"];
  test.each([
    ["GET", "sys/sync/destinations", "read"],
    ["GET", `${SYNC}?list=true`, "list"],
    ["PUT", "sys/sync/config", "update"],
    ["PATCH", `${SYNC}/associations/set`, "patch"],
    ["DELETE", `${SYNC}/associations`, "delete"],
  ] as const)("%s %s: 403 without %s, 405 with it", async (method, path, capability) => {
    const headers = method === "PATCH" ? { "content-type": "application/merge-patch+json" } : {};
    const bare = path.split("?")[0] ?? "";
    const others = ["create", "read", "update", "patch", "delete", "list"].filter((one) =>
      capability === "update" ? one !== "update" && one !== "create" : one !== capability,
    );
    const without = await world.tokenFor(`path "${bare}" { capabilities = ${JSON.stringify(others)} }`);
    expect((await world.call(method, path, undefined, { token: without, headers })).status).toBe(403);
    const token = await world.tokenFor(`path "${bare}" { capabilities = ["${capability}"] }`);
    const answer = await world.call(method, path, undefined, { token, headers });
    expect([answer.status, answer.errors]).toEqual([405, NO_OPERATION]);
  });
});

test("a fresh token's bytes appear in no log line", async () => {
  const token = await world.tokenFor(`path "${SYNC}" { capabilities = ["read"] }`);
  await world.call("GET", SYNC, undefined, { token });
  await world.call("PUT", SYNC, CONNECTION, { token });
  const text = JSON.stringify(world.service.logs);
  expect(text).not.toContain(token);
  expect(text).not.toContain(CONNECTION.client_secret);
});
