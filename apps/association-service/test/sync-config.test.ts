// sys/sync/config and the path form of a secret's destinations.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startWorld, type World } from "./support/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const PATH = "sys/sync/config";
const MERGE = { headers: { "content-type": "application/merge-patch+json" } };
const patch = (body: unknown) => world.call("PATCH", PATH, body, MERGE);
const FACTORY = { disabled: false, queue_capacity: 1_000_000 };

describe("sys/sync/config", () => {
  test("it begins with Vault's defaults, keeps what is patched over a restart, and goes back by DELETE", async () => {
    expect((await world.call("GET", PATH)).data).toEqual(FACTORY);
    expect((await patch({ queue_capacity: 5 })).data).toEqual({ disabled: false, queue_capacity: 5 });
    expect((await patch({ disabled: "false", queue_capacity: "7" })).data["queue_capacity"]).toBe(7);
    await world.restart();
    expect((await world.call("GET", PATH)).data["queue_capacity"]).toBe(7);
    expect((await patch({})).data["queue_capacity"]).toBe(7);
    const reset = await world.call("DELETE", PATH);
    expect([reset.status, reset.data]).toEqual([200, FACTORY]);
    expect((await world.call("GET", PATH)).data).toEqual(FACTORY);
  });

  test("a stored version that somebody deleted by hand counts as the defaults and can be written over", async () => {
    await patch({ queue_capacity: 9 });
    await world.vault("DELETE", "keyferry/data/instance/sync-config");
    expect((await world.call("GET", PATH)).data).toEqual(FACTORY);
    expect((await patch({ queue_capacity: 11 })).data["queue_capacity"]).toBe(11);
    expect((await patch({ queue_capacity: null })).data).toEqual(FACTORY);
  });

  test("four patches at once are all answered, and the last one that was written counts", async () => {
    const answers = await Promise.all([1, 2, 3, 4].map((queue_capacity) => patch({ queue_capacity })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect([1, 2, 3, 4]).toContain((await world.call("GET", PATH)).data["queue_capacity"]);
    await world.call("DELETE", PATH);
  });

  test.each([
    [{ disabled: "perhaps" }, /^disabled is neither true nor false/],
    [{ queue_capacity: 0 }, /^queue_capacity is not a whole number/],
    [{ queue_capacity: 1.5 }, /^queue_capacity is not a whole number/],
    [{ queue_capacity: "many" }, /^queue_capacity is not a whole number/],
    [{ queue_capacity: 3_000_000_000 }, /^queue_capacity is not a whole number/],
    [[], /not a JSON object/],
  ])("PATCH of %j is refused and changes nothing", async (body, message) => {
    const answer = await patch(body);
    expect([answer.status, answer.errors.join()]).toEqual([400, expect.stringMatching(message)]);
    expect((await world.call("GET", PATH)).data).toEqual(FACTORY);
  });

  test("disabled pauses everything: sets and removes are accepted, nothing can be deleted, and DELETE enables it again", async () => {
    await world.createDestination("stopped");
    await world.write("stopped/a");
    await world.write("stopped/b");
    await world.set("stopped", "stopped/a");
    expect((await patch({ disabled: "true", queue_capacity: "12" })).data).toEqual({
      disabled: true,
      queue_capacity: 12,
    });
    expect((await world.bus.pauses.get("pause.all"))?.value).toMatchObject({
      all: { reason: "disabled=true of sys/sync/config" },
    });
    expect((await world.call("GET", PATH)).data["disabled"]).toBe(true);
    const set = await world.set("stopped", "stopped/b");
    expect([set.status, Object.values(set.data["associated_secrets"] as object)]).toEqual([
      200,
      [
        expect.objectContaining({ sync_status: "PENDING" }),
        expect.objectContaining({ sync_status: "PENDING" }),
      ],
    ]);
    expect((await world.remove("stopped", "stopped/b")).status).toBe(200);
    for (const query of ["", "?purge=true", "?force_delete=true"]) {
      const refused = await world.call("DELETE", `sys/sync/destinations/azure-kv/stopped${query}`);
      expect([refused.status, refused.errors.join()]).toEqual([400, expect.stringContaining("disabled")]);
    }
    expect((await world.call("DELETE", PATH)).data).toEqual(FACTORY);
    expect((await world.bus.pauses.get("pause.all"))?.value.all).toBeNull();
    await world.remove("stopped", "stopped/a");
    expect((await world.call("DELETE", "sys/sync/destinations/azure-kv/stopped")).status).toBe(204);
  });

  test.each([[true], ["true"], ["1"], [1]])("disabled=%j and back again", async (disabled) => {
    expect((await patch({ disabled })).data["disabled"]).toBe(true);
    expect((await patch({ queue_capacity: 4 })).data).toEqual({ disabled: true, queue_capacity: 4 });
    expect((await patch({ disabled: disabled === 1 ? null : "false" })).data["disabled"]).toBe(false);
    await world.call("DELETE", PATH);
  });

  test("PATCH without its type is 415, and PUT, which Vault does not offer, is 405", async () => {
    expect((await world.call("PATCH", PATH, { queue_capacity: 1 })).status).toBe(415);
    expect((await world.call("PUT", PATH, { queue_capacity: 1 })).status).toBe(405);
  });

  test("it is the root namespace's alone", async () => {
    await world.vault("POST", "sys/namespaces/team", {});
    const headers = { ...MERGE.headers, "x-vault-namespace": "team" };
    for (const method of ["GET", "PATCH", "DELETE"]) {
      const answer = await world.call(method, PATH, method === "PATCH" ? {} : undefined, { headers });
      expect([answer.status, answer.errors]).toEqual([404, ["1 error occurred:\n\t* unsupported path\n\n"]]);
    }
  });

  test.each([
    ["GET", "read"],
    ["PATCH", "patch"],
    ["DELETE", "delete"],
  ] as const)("%s takes %s on the path", async (method, capability) => {
    const options = method === "PATCH" ? MERGE : {};
    const body = method === "PATCH" ? {} : undefined;
    const others = ["read", "patch", "delete", "update"].filter((one) => one !== capability);
    const without = await world.tokenFor(`path "${PATH}" { capabilities = ${JSON.stringify(others)} }`);
    expect((await world.call(method, PATH, body, { ...options, token: without })).status).toBe(403);
    const token = await world.tokenFor(`path "${PATH}" { capabilities = ["${capability}"] }`);
    expect((await world.call(method, PATH, body, { ...options, token })).status).toBe(200);
  });
});

describe("sys/sync/associations/:mount/:secret_name", () => {
  test("it answers as the query form does, and 404 where there is none", async () => {
    await world.createDestination("by-path");
    await world.write("flat");
    await world.set("by-path", "flat");
    const byPath = await world.call("GET", "sys/sync/associations/secret/flat");
    const byQuery = await world.call(
      "GET",
      "sys/sync/associations/destinations?mount=secret&secret_name=flat",
    );
    expect(byPath.data).toEqual(byQuery.data);
    expect(Object.keys(byPath.data["associated_destinations"] as object)).toEqual(["azure-kv/by-path"]);
    const none = await world.call("GET", "sys/sync/associations/secret/none");
    expect([none.status, none.body]).toEqual([404, { errors: [] }]);
  });

  test("path-two-spellings: an encoded slash is refused, as it could mean two secrets under one authorised path", async () => {
    for (const path of ["secret/a%2Fb", "secret%2Fa/b"]) {
      const answer = await world.call("GET", `sys/sync/associations/${path}`);
      expect([answer.status, answer.errors.join()]).toEqual([400, expect.stringContaining("encoded slash")]);
    }
  });

  test("it takes read on the very path", async () => {
    const path = "sys/sync/associations/secret/flat";
    const token = await world.tokenFor(`path "${path}" { capabilities = ["read"] }`);
    expect((await world.call("GET", path, undefined, { token })).status).toBe(200);
    const other = "sys/sync/associations/secret/other";
    expect((await world.call("GET", other, undefined, { token })).status).toBe(403);
  });
});
