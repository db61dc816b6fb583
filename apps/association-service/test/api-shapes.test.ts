// The API's answers, field by field, as the documented samples have them (reference: sections 1.1 to 1.8).
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectDescribed } from "./support/described.ts";
import { CONNECTION, startWorld, type World } from "./support/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

describe("a destination", () => {
  test("a destination that is written comes back in Vault's envelope, its secret masked", async () => {
    const answer = await world.call("PUT", "sys/sync/destinations/azure-kv/my-azure-1", CONNECTION);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      lease_id: "",
      renewable: false,
      lease_duration: 0,
      data: {
        name: "my-azure-1",
        type: "azure-kv",
        connection_details: { ...CONNECTION, client_secret: "*****" },
        options: {
          granularity_level: "secret-path",
          secret_name_template: 'vault-{{ .MountAccessor | replace "_" "-" }}-{{ .SecretPath }}',
          custom_tags: {},
        },
      },
      wrap_info: null,
      warnings: null,
      auth: null,
      mount_type: "system",
    });
    const read = await world.call("GET", "sys/sync/destinations/azure-kv/my-azure-1");
    expect(read.data).toEqual(answer.data);
  });
});

describe("the next writes of a destination", () => {
  const PATH = "sys/sync/destinations/azure-kv/writes";

  test("PUT replaces what is optional, as Terraform relies on to take tags away", async () => {
    await world.call("PUT", PATH, { ...CONNECTION, custom_tags: { team: "a" }, granularity: "secret-key" });
    const answer = await world.call("PUT", PATH, CONNECTION);
    expect(answer.data["options"]).toMatchObject({ granularity_level: "secret-path", custom_tags: {} });
  });

  test("an absent client_secret keeps the stored one, also in a PUT", async () => {
    const { client_secret: _, ...without } = CONNECTION;
    const before = await world.destination("writes");
    const answer = await world.call("PUT", PATH, without);
    expect(answer.data["connection_details"]).toMatchObject({ client_secret: "*****" });
    expect((await world.destination("writes")).connection.credential).toEqual(before.connection.credential);
  });

  test("the client secret lies in Keyferry's own mount, and nowhere in NATS", async () => {
    const { uid, connection } = await world.destination("writes");
    expect(connection.credential).toMatchObject({ kind: "client-secret", path: `destinations/${uid}` });
    const stored = await world.vault("GET", `keyferry/data/destinations/${uid}`);
    expect(stored.data["data"]).toEqual({ client_secret: CONNECTION.client_secret });
    expect(JSON.stringify(await world.destination("writes"))).not.toContain(CONNECTION.client_secret);
  });

  test("without any client_secret the field is left out: the sink's environment is used", async () => {
    const { client_secret: _, ...without } = CONNECTION;
    const answer = await world.call("PUT", "sys/sync/destinations/azure-kv/no-secret", without);
    expect(Object.keys(answer.data["connection_details"] as object)).toEqual([
      "key_vault_uri",
      "tenant_id",
      "client_id",
    ]);
  });

  test("PATCH merges, takes tags away by tags_to_remove, and needs its content type", async () => {
    await world.call("PUT", PATH, { ...CONNECTION, custom_tags: { team: "a", env: "b" } });
    const wrongType = await world.call(
      "PATCH",
      PATH,
      { client_id: "new" },
      { headers: { "content-type": "application/json" } },
    );
    expect(wrongType.status).toBe(415);
    const headers = { "content-type": "application/merge-patch+json" };
    const answer = await world.call(
      "PATCH",
      PATH,
      { client_id: "new", tags_to_remove: ["env"] },
      { headers },
    );
    expect(answer.status).toBe(200);
    expect(answer.data["connection_details"]).toMatchObject({
      client_id: "new",
      key_vault_uri: CONNECTION.key_vault_uri,
    });
    expect(answer.data["options"]).toMatchObject({ custom_tags: { team: "a" } });
    const missing = await world.call("PATCH", "sys/sync/destinations/azure-kv/nothing", {}, { headers });
    expect(missing.status).toBe(404);
  });

  test("the address, the tenant and the cloud can't be changed, and each refusal names its field", async () => {
    const answer = await world.call("PUT", PATH, {
      ...CONNECTION,
      key_vault_uri: "https://other.vault.azure.net",
      tenant_id: "99999999-2222-3333-4444-555555555555",
    });
    expect(answer.status).toBe(400);
    expect(answer.errors).toEqual([
      expect.stringMatching(/^key_vault_uri can't be changed/),
      expect.stringMatching(/^tenant_id can't be changed/),
    ]);
  });

  test("the address comes back byte for byte, a trailing slash included", async () => {
    const uri = "https://KV-1234.vault.azure.net/";
    const answer = await world.call("PUT", "sys/sync/destinations/azure-kv/slash", {
      ...CONNECTION,
      key_vault_uri: uri,
    });
    expect(answer.data["connection_details"]).toMatchObject({ key_vault_uri: uri });
    expect(answer.data["connection_details"]).not.toHaveProperty("cloud");
  });

  test("strings of the command line are read as what they mean", async () => {
    const answer = await world.call("PUT", "sys/sync/destinations/azure-kv/cli", {
      ...CONNECTION,
      custom_tags: "team=a",
      disable_strict_networking: "false",
      purge: "true",
    });
    expect(answer.status).toBe(200);
    expect(answer.data["options"]).toMatchObject({ custom_tags: { team: "a" } });
  });

  test("an unknown field is ignored with Vault's warning", async () => {
    const answer = await world.call("PUT", PATH, { ...CONNECTION, colour: "blue" });
    expect(answer.body["warnings"]).toEqual(["Endpoint ignored these unrecognized parameters: [colour]"]);
  });

  test("every wrong field is named in one answer", async () => {
    const answer = await world.call("PUT", "sys/sync/destinations/azure-kv/wrong", {
      key_vault_uri: "http://kv.example.com:8443/x",
      granularity: "invalid-granularity",
      custom_tags: { "a b": "c" },
      secret_name_template: "{{.InvalidTemplate}}",
    });
    expect(answer.status).toBe(400);
    expect(answer.errors.join("\n")).toMatch(/key_vault_uri/);
    expect(answer.errors.join("\n")).toMatch(/tenant_id is missing/);
    expect(answer.errors.join("\n")).toMatch(/client_id is missing/);
    expect(answer.errors.join("\n")).toMatch(/granularity is neither/);
  });

  test.each([
    ["custom_tags", { custom_tags: { "a b": "c" } }, /white space/],
    [
      "a template with an unknown variable",
      { secret_name_template: "{{.InvalidTemplate}}" },
      /secret name template is invalid/,
    ],
    [
      "a template without the key under secret-key",
      { granularity: "secret-key", secret_name_template: "x" },
      /reference to the secret key/,
    ],
    ["a port that is none", { allowed_ports: "99999" }, /^allowed_ports has an entry that is no port/],
  ])("%s: refused with 400", async (_what, fields, message) => {
    const answer = await world.call("PUT", "sys/sync/destinations/azure-kv/wrong", {
      ...CONNECTION,
      ...fields,
    });
    expect(answer.status).toBe(400);
    expect(answer.errors.join()).toMatch(message);
  });

  test("a body that is not JSON is refused without being quoted", async () => {
    const answer = await world.call("PUT", PATH, '{"client_secret": "canary-in-broken-json"');
    expect(answer.status).toBe(400);
    expect(answer.text).not.toContain("canary");
  });

  test("deleting what is not there succeeds, also as a purge or by force", async () => {
    const path = "sys/sync/destinations/azure-kv/never-there";
    for (const query of ["", "?purge=true", "?force_delete=true", "?purge=true&force_delete=true"]) {
      expect((await world.call("DELETE", `${path}${query}`)).status).toBe(204);
    }
    expect((await world.call("DELETE", `${path}?force_delete=perhaps`)).status).toBe(400);
  });

  test("another type is refused with the name of the one that exists", async () => {
    const written = await world.call("PUT", "sys/sync/destinations/aws-sm/x", {});
    expect([written.status, written.errors.join()]).toEqual([400, expect.stringContaining("azure-kv")]);
    const read = await world.call("GET", "sys/sync/destinations/aws-sm/x");
    expect([read.status, read.errors.join()]).toEqual([404, expect.stringContaining("azure-kv")]);
  });

  test("a name with two spellings is refused", async () => {
    const answer = await world.call("PUT", "sys/sync/destinations/azure-kv/a%2Fb", CONNECTION);
    expect([answer.status, answer.errors.join()]).toEqual([400, expect.stringMatching(/^name:/)]);
  });
});

describe("lists", () => {
  test("destinations are listed by type with a slash at its end, and by name", async () => {
    const all = await world.call("GET", "sys/sync/destinations?list=true");
    const { keys, key_info, total_destinations } = all.data;
    expect(keys).toEqual(["azure-kv/"]);
    const names = (key_info as Record<string, string[]>)["azure-kv/"] ?? [];
    expect(names).toContain("my-azure-1");
    expect(total_destinations).toBe(names.length);
    const ofType = await world.call("GET", "sys/sync/destinations/azure-kv/?list=true");
    expect(ofType.data).toEqual({ keys: names, total_destinations: names.length });
  });

  test("where there is nothing the answer is 404 with an empty list of errors", async () => {
    const inOther = { headers: { "x-vault-namespace": "" } };
    for (const path of [
      "sys/sync/destinations/azure-kv/absent",
      "sys/sync/associations/destinations?mount=secret&secret_name=absent",
    ]) {
      const answer = await world.call("GET", path, undefined, inOther);
      expect([answer.status, answer.body]).toEqual([404, { errors: [] }]);
    }
  });
});

describe("associations", () => {
  test("set answers with all rows of the destination, PENDING, with Vault's fields", async () => {
    const { name } = await world.createDestination("rows");
    await world.write("app/one");
    await world.write("two");
    await world.set(name, "app/one");
    const answer = await world.set(name, "two");
    expect(answer.status).toBe(200);
    const { accessor } = await world.refOf("two");
    expect(answer.data).toMatchObject({ store_name: "rows", store_type: "azure-kv" });
    const rows = answer.data["associated_secrets"] as Record<string, Record<string, unknown>>;
    expect(Object.keys(rows)).toEqual([`${accessor}/app/one`, `${accessor}/two`]);
    expect(rows[`${accessor}/two`]).toMatchObject({
      accessor,
      secret_name: "two",
      sub_key: "",
      mount: "secret",
      sync_status: "PENDING",
      updated_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      reason: expect.any(String),
      next_step: expect.any(String),
    });
  });

  test("a destination without associations answers 200 with an empty map: Terraform panics on 404", async () => {
    await world.createDestination("empty");
    const answer = await world.call("GET", "sys/sync/destinations/azure-kv/empty/associations");
    expect([answer.status, answer.data["associated_secrets"]]).toEqual([200, {}]);
  });

  test("set again is a refresh: no second row, the same association", async () => {
    const before = await world.association("rows", "two");
    await world.set("rows", "two");
    const after = await world.association("rows", "two");
    expect(after?.uid).toBe(before?.uid);
  });

  test("a set that follows a changed template at once carries the changed one", async () => {
    const headers = { "content-type": "application/merge-patch+json" };
    await world.createDestination("spec");
    for (const name of ["one", "two", "three", "four", "five"]) {
      const secret_name_template = `${name}-{{ .SecretPath }}`;
      await world.call("PATCH", "sys/sync/destinations/azure-kv/spec", { secret_name_template }, { headers });
      await world.set("spec", "two");
      expect((await world.association("spec", "two"))?.spec.nameTemplate).toBe(secret_name_template);
    }
    await world.remove("spec", "two");
  });

  test("thirty sets at once: each answer holds its own row, and the last ones are all there", async () => {
    await world.createDestination("at-once");
    const paths = Array.from({ length: 30 }, (_, index) => `at-once/${index}`);
    for (const path of paths) await world.write(path);
    const answers = await Promise.all(paths.map((path) => world.set("at-once", path)));
    const { accessor } = await world.refOf("two");
    for (const [index, answer] of answers.entries()) {
      expect(answer.status).toBe(200);
      expect(answer.data["associated_secrets"]).toHaveProperty([`${accessor}/at-once/${index}`]);
    }
    const read = await world.call("GET", "sys/sync/destinations/azure-kv/at-once/associations");
    expect(Object.keys(read.data["associated_secrets"] as object)).toHaveLength(30);
    await Promise.all(paths.map((path) => world.remove("at-once", path)));
  });

  test("the list of all associations counts links and secrets", async () => {
    await world.createDestination("rows-2");
    await world.set("rows-2", "two");
    const answer = await world.call("GET", "sys/sync/associations?list=true");
    expect(answer.data).toEqual({
      key_info: {
        "secret/app/one": [{ mount: "secret/", secret_path: "app/one" }],
        "secret/two": [{ mount: "secret/", secret_path: "two" }],
      },
      keys: ["secret/app/one", "secret/two"],
      total_associations: 3,
      total_secrets: 2,
    });
  });

  test("the destinations of a secret are found by mount and name", async () => {
    const answer = await world.call(
      "GET",
      "sys/sync/associations/destinations?mount=secret/&secret_name=two",
    );
    const found = answer.data["associated_destinations"] as Record<string, Record<string, unknown>>;
    expect(Object.keys(found)).toEqual(["azure-kv/rows", "azure-kv/rows-2"]);
    expect(found["azure-kv/rows"]).toMatchObject({ type: "azure-kv", name: "rows", sync_status: "PENDING" });
  });

  test("remove drops the row, and succeeds when there is none", async () => {
    const answer = await world.remove("rows-2", "two");
    expect([answer.status, answer.data["associated_secrets"]]).toEqual([200, {}]);
    expect((await world.remove("rows-2", "two")).status).toBe(200);
    expect((await world.remove("rows-2", "never-there", "no-such-mount")).status).toBe(200);
  });

  test.each([
    ["no mount", {}, ["mount is missing", "secret_name is missing"]],
    [
      "a secret that isn't there",
      { mount: "secret", secret_name: "nope" },
      ["Secret not found. Please provide full path to existing secret"],
    ],
    ["a folder", { mount: "secret", secret_name: "app/" }, ["Secret not found. Please provide full path"]],
    ["a path that climbs", { mount: "secret", secret_name: "a/../two" }, ["secret_name has a '..' segment"]],
    ["percent-encoding", { mount: "secret", secret_name: "a%2Fb" }, ["secret_name has a '%'"]],
    ["a mount that isn't there", { mount: "nope", secret_name: "two" }, ["mount nope does not exist"]],
    [
      "a path below a mount in place of the mount",
      { mount: "secret/app", secret_name: "one" },
      ["mount secret/app does not exist"],
    ],
    [
      "a mount that isn't KV",
      { mount: "cubbyhole", secret_name: "two" },
      ["mount cubbyhole is a mount of type cubbyhole"],
    ],
    [
      "Keyferry's own mount",
      { mount: "keyferry", secret_name: "instance/tag-keys" },
      ["mount keyferry is Keyferry's own"],
    ],
    ["a list as a body", [], ["the body is not a JSON object"]],
  ])("set of %s is refused with 400", async (_what, body, errors) => {
    const answer = await world.call("PUT", "sys/sync/destinations/azure-kv/rows/associations/set", body);
    expect(answer.status).toBe(400);
    expect(answer.errors).toHaveLength(errors.length);
    for (const [index, error] of errors.entries()) expect(answer.errors[index]).toContain(error);
  });

  test("set of a KV version 1 mount is refused", async () => {
    await world.newMount("kv-one", "1");
    await world.vault("PUT", "kv-one/a", { a: "b" });
    const answer = await world.set("rows", "a", "kv-one");
    expect([answer.status, answer.errors.join()]).toEqual([
      400,
      expect.stringContaining("only KV version 2"),
    ]);
  });

  test("set on a destination that isn't there is 404", async () => {
    const answer = await world.set("nowhere", "two");
    expect([answer.status, answer.body]).toEqual([404, { errors: [] }]);
  });
});

describe("the OpenAPI document", () => {
  test("it is served without a token, as it lies in the repository", async () => {
    const answer = await world.call("GET", "sys/sync/openapi.json", undefined, { token: null });
    const committed = await readFile(
      new URL("../../../docs/reference/openapi.json", import.meta.url),
      "utf8",
    );
    expect([answer.status, answer.body]).toEqual([200, JSON.parse(committed)]);
    expect(answer.headers.get("content-type")).toContain("application/json");
  });

  test("an answer that it does not describe fails the test that gets it", async () => {
    const described = { status: 200, text: (await world.call("GET", "sys/activation-flags")).text };
    const held = (answer: { status: number; text: string }) => () =>
      expectDescribed("GET", "sys/activation-flags?x=1", answer);
    expect(held(described)).not.toThrow();
    expect(held({ ...described, text: described.text.replace("unactivated", "other") })).toThrow(
      /unactivated/,
    );
    expect(held({ status: 201, text: described.text })).toThrow(/201/);
    expect(held({ status: 404, text: '{"errors":[]}' })).toThrow(/404/);
    expect(() => expectDescribed("GET", "sys/sync/x", described)).toThrow(/not described/);
  });
});

describe("activation flags", () => {
  test("they are read without a token and are always activated", async () => {
    const answer = await world.call("GET", "sys/activation-flags", undefined, { token: null });
    expect(answer.data).toEqual({ activated: ["secrets-sync"], unactivated: [] });
  });

  test("activating answers with the same two lists", async () => {
    const answer = await world.call("PUT", "sys/activation-flags/secrets-sync/activate", {});
    expect(answer.data).toEqual({ activated: ["secrets-sync"], unactivated: [] });
  });
});

describe("paths that are not there", () => {
  test("below sys/sync: unsupported, and without a gateway the rest has no handler", async () => {
    expect((await world.call("GET", "sys/sync/nothing")).status).toBe(404);
    const rest = await world.call("GET", "secret/data/two");
    expect([rest.status, rest.errors.join()]).toEqual([404, expect.stringContaining("no handler for route")]);
  });
});
