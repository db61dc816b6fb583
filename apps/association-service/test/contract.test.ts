// The contract, row by row: what the reference says of each method and path of its sections 1, 4 and 5, and what this
// server answers; contract-fields.test.ts has sections 2 and 3. Each answer's shape is held against its schema by the
// world's call(); here are statuses and what is peculiar.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { holds as holdsIn, type Row, titled } from "./support/contract-row.ts";
import { CONNECTION, startWorld, type World } from "./support/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.createDestination("known", { ...CONNECTION, custom_tags: { team: "a", env: "b" } });
  await world.createDestination("bare");
  await world.write("app/one");
  await world.write("flat");
  await world.set("known", "app/one");
  await world.set("known", "flat");
});
afterAll(() => world[Symbol.asyncDispose]());

const ROOT = "sys/sync/destinations";
const KNOWN = `${ROOT}/azure-kv/known`;
const NEW = `${ROOT}/azure-kv/new`;
const NO_OPERATION = /^1 error occurred:\n\t\* unsupported operation\n\n$/;
const PAIR = { mount: "secret", secret_name: "flat" };

const holds = (row: Row) => holdsIn(world, row);

describe("1.1 activation flags", () => {
  const both = { activated: ["secrets-sync"], unactivated: [] };
  test.each(
    titled([
      { method: "GET", path: "sys/activation-flags", status: 200, has: both },
      { method: "GET", path: "sys/activation-flags/", status: 200, has: both },
      { method: "PUT", path: "sys/activation-flags/secrets-sync/activate", body: {}, status: 200, has: both },
      { method: "POST", path: "sys/activation-flags/secrets-sync/activate", status: 200, has: both },
      { method: "PUT", path: "sys/activation-flags/secrets-sync/activate", body: "null", status: 200 },
      { method: "PUT", path: "sys/activation-flags/other/activate", status: 404, has: /unsupported path/ },
      {
        method: "DELETE",
        path: "sys/activation-flags/secrets-sync/activate",
        status: 405,
        has: NO_OPERATION,
      },
      { method: "GET", path: "sys/activation-flags/secrets-sync/activate", status: 405, has: NO_OPERATION },
      { method: "GET", path: "sys/activation-flags/secrets-sync", status: 404, has: /unsupported path/ },
    ]),
  )("%s", (_title, row) => holds(row));
});

describe("1.2 global configuration: what is not offered", () => {
  test.each(
    titled([
      { method: "PUT", path: "sys/sync/config", body: {}, status: 405, has: NO_OPERATION },
      { method: "POST", path: "sys/sync/config", body: {}, status: 405, has: NO_OPERATION },
      { method: "GET", path: "sys/sync/config?list=true", status: 405, has: NO_OPERATION },
      { method: "GET", path: "sys/sync/config/", status: 200, has: { queue_capacity: 1_000_000 } },
      { method: "GET", path: "sys/sync/config/more", status: 404 },
    ]),
  )("%s", (_title, row) => holds(row));
});

describe("1.3 and 1.4 lists of destinations", () => {
  const all = { keys: ["azure-kv/"], key_info: { "azure-kv/": ["bare", "known"] }, total_destinations: 2 };
  const ofType = { keys: ["bare", "known"], total_destinations: 2 };
  test.each(
    titled([
      { method: "GET", path: `${ROOT}?list=true`, status: 200, has: all },
      { method: "GET", path: `${ROOT}/?list=true`, status: 200, has: all },
      { method: "GET", path: `${ROOT}/azure-kv?list=true`, status: 200, has: ofType },
      { method: "GET", path: `${ROOT}/azure-kv/?list=true`, status: 200, has: ofType },
      { method: "GET", path: `${ROOT}/aws-sm?list=true`, status: 404, has: /azure-kv/ },
      { method: "GET", path: `${ROOT}/in-mem?list=true`, status: 404, has: /azure-kv/ },
      { method: "GET", path: ROOT, status: 405, has: NO_OPERATION },
      { method: "GET", path: `${ROOT}/?list=false`, status: 405, has: NO_OPERATION },
      { method: "GET", path: `${ROOT}?list=1`, status: 200, has: all },
      { method: "GET", path: `${ROOT}?list=perhaps`, status: 400, has: /^list is neither/ },
      { method: "GET", path: `${ROOT}/azure-kv`, status: 405, has: NO_OPERATION },
      { method: "GET", path: `${ROOT}/azure-kv/`, status: 405, has: NO_OPERATION },
      { method: "PUT", path: ROOT, body: {}, status: 405, has: NO_OPERATION },
      { method: "DELETE", path: `${ROOT}/azure-kv`, status: 405, has: NO_OPERATION },
    ]),
  )("%s", (_title, row) => holds(row));
});

describe("1.5 one destination", () => {
  const details = { key_vault_uri: CONNECTION.key_vault_uri, client_secret: "*****" };
  test.each(
    titled([
      { method: "GET", path: KNOWN, status: 200, has: { name: "known", connection_details: details } },
      { method: "GET", path: `${KNOWN}/`, status: 200, has: { type: "azure-kv" } },
      { method: "GET", path: NEW, status: 404, has: /^$/ },
      { method: "PATCH", path: NEW, body: {}, status: 404, has: /^$/ },
      { method: "PATCH", path: KNOWN, body: {}, status: 200, has: { name: "known" } },
      { method: "PATCH", path: KNOWN, status: 200, has: { name: "known" } },
      { method: "POST", path: KNOWN, body: CONNECTION, status: 200, has: { options: { custom_tags: {} } } },
      { method: "PUT", path: NEW, body: {}, status: 400, has: /key_vault_uri is missing/ },
      { method: "PUT", path: NEW, body: "null", status: 400, has: /tenant_id is missing/ },
      { method: "PUT", path: NEW, body: [], status: 400, has: /not a JSON object/ },
      { method: "PUT", path: NEW, body: "{", status: 400, has: /not valid JSON/ },
      { method: "PUT", path: `${ROOT}/aws-sm/x`, body: {}, status: 400, has: /azure-kv/ },
      { method: "PUT", path: `${ROOT}/gcp-sm/x`, body: {}, status: 400, has: /azure-kv/ },
      { method: "PUT", path: `${ROOT}/gh/x`, body: {}, status: 400, has: /azure-kv/ },
      { method: "PUT", path: `${ROOT}/vercel-project/x`, body: {}, status: 400, has: /azure-kv/ },
      { method: "PUT", path: `${ROOT}/in-mem/x`, body: {}, status: 400, has: /azure-kv/ },
      { method: "GET", path: `${ROOT}/aws-sm/x`, status: 404, has: /azure-kv/ },
      { method: "DELETE", path: `${ROOT}/aws-sm/x`, status: 404, has: /azure-kv/ },
      { method: "PUT", path: `${ROOT}/azure-kv/-x`, body: CONNECTION, status: 400, has: /^name:/ },
      { method: "PUT", path: `${ROOT}/azure-kv/x.`, body: CONNECTION, status: 400, has: /^name:/ },
      { method: "PUT", path: `${ROOT}/azure-kv/a%20b`, body: CONNECTION, status: 400, has: /^name:/ },
      { method: "PUT", path: `${ROOT}/azure-kv/${"n".repeat(129)}`, body: CONNECTION, status: 400 },
      { method: "DELETE", path: KNOWN, status: 400, has: /still managing 2 associated secrets/ },
      { method: "DELETE", path: `${KNOWN}?purge=false`, status: 400, has: /purge=true/ },
      { method: "DELETE", path: `${KNOWN}?purge=perhaps`, status: 400, has: /^purge is neither/ },
      { method: "DELETE", path: NEW, status: 204 },
      { method: "DELETE", path: `${NEW}?purge=true`, status: 204 },
      { method: "DELETE", path: NEW, body: { purge: "true" }, status: 204 },
      {
        method: "GET",
        path: `${KNOWN}/more`,
        status: 404,
        has: /^1 error occurred:\n\t\* unsupported path\n\n$/,
      },
      { method: "GET", path: `${KNOWN}?list=true`, status: 405, has: NO_OPERATION },
    ]),
  )("%s", (_title, row) => holds(row));
});

describe("1.6 associations of one destination", () => {
  const set = `${KNOWN}/associations/set`;
  const remove = `${KNOWN}/associations/remove`;
  const head = { store_name: "known", store_type: "azure-kv" };
  const missing = /^Secret not found. Please provide full path to existing secret$/;
  test.each(
    titled([
      { method: "GET", path: `${KNOWN}/associations`, status: 200, has: head },
      { method: "GET", path: `${KNOWN}/associations/`, status: 200, has: head },
      {
        method: "GET",
        path: `${ROOT}/azure-kv/bare/associations`,
        status: 200,
        has: { associated_secrets: {} },
      },
      {
        method: "GET",
        path: `${NEW}/associations`,
        status: 200,
        has: { store_name: "new", store_type: "azure-kv", associated_secrets: {} },
      },
      { method: "GET", path: `${ROOT}/aws-sm/x/associations`, status: 404, has: /azure-kv/ },
      { method: "GET", path: `${KNOWN}/associations?list=true`, status: 405, has: NO_OPERATION },
      { method: "PUT", path: `${KNOWN}/associations`, body: PAIR, status: 405, has: NO_OPERATION },
      { method: "PUT", path: set, body: PAIR, status: 200, has: head },
      { method: "POST", path: set, body: PAIR, status: 200, has: head },
      { method: "PUT", path: `${set}/`, body: PAIR, status: 200, has: head },
      { method: "PUT", path: set, body: { mount: "secret/", secret_name: "flat" }, status: 200, has: head },
      { method: "PUT", path: set, body: { ...PAIR, colour: "blue" }, status: 200, has: head },
      { method: "PUT", path: set, body: { mount: "secret" }, status: 400, has: /^secret_name is missing/ },
      { method: "PUT", path: set, body: { secret_name: "flat" }, status: 400, has: /^mount is missing/ },
      { method: "PUT", path: set, status: 400, has: /mount is missing/ },
      { method: "PUT", path: set, body: { ...PAIR, secret_name: "nope" }, status: 400, has: missing },
      { method: "PUT", path: set, body: { ...PAIR, secret_name: "app/" }, status: 400, has: missing },
      {
        method: "PUT",
        path: set,
        body: { ...PAIR, secret_name: "app//one" },
        status: 400,
        has: /empty segment/,
      },
      {
        method: "PUT",
        path: set,
        body: { ...PAIR, secret_name: ["flat"] },
        status: 400,
        has: /^secret_name/,
      },
      {
        method: "PUT",
        path: set,
        body: { ...PAIR, mount: { a: 1 } },
        status: 400,
        has: /^mount is not text/,
      },
      { method: "PUT", path: set, body: { ...PAIR, mount: "sys" }, status: 400, has: /only KV version 2/ },
      { method: "PUT", path: `${NEW}/associations/set`, body: PAIR, status: 404, has: /^$/ },
      { method: "PUT", path: `${ROOT}/aws-sm/x/associations/set`, body: PAIR, status: 404, has: /azure-kv/ },
      { method: "GET", path: set, status: 405, has: NO_OPERATION },
      { method: "PATCH", path: set, body: PAIR, status: 405, has: NO_OPERATION },
      { method: "PUT", path: remove, body: { ...PAIR, secret_name: "never" }, status: 200, has: head },
      { method: "POST", path: remove, body: { mount: "gone", secret_name: "x" }, status: 200, has: head },
      { method: "PUT", path: remove, body: {}, status: 400, has: /mount is missing/ },
      { method: "PUT", path: `${NEW}/associations/remove`, body: PAIR, status: 404, has: /^$/ },
      { method: "DELETE", path: remove, body: PAIR, status: 405, has: NO_OPERATION },
    ]),
  )("%s", (_title, row) => holds(row));
});

describe("1.7 and 1.8 associations of all and of one secret", () => {
  const list = "sys/sync/associations";
  const one = `${list}/destinations`;
  const totals = { keys: ["secret/app/one", "secret/flat"], total_associations: 2, total_secrets: 2 };
  const found = { associated_destinations: { "azure-kv/known": { type: "azure-kv", name: "known" } } };
  test.each(
    titled([
      { method: "GET", path: `${list}?list=true`, status: 200, has: totals },
      { method: "GET", path: `${list}/?list=true`, status: 200, has: totals },
      { method: "GET", path: list, status: 405, has: NO_OPERATION },
      { method: "PUT", path: list, body: {}, status: 405, has: NO_OPERATION },
      { method: "PUT", path: one, body: PAIR, status: 405, has: NO_OPERATION },
      { method: "GET", path: `${one}?mount=secret&secret_name=app/one`, status: 200, has: found },
      { method: "GET", path: `${one}?mount=secret/&secret_name=app%2Fone`, status: 200, has: found },
      { method: "GET", path: `${one}?mount=secret&secret_name=none`, status: 404, has: /^$/ },
      { method: "GET", path: `${one}?mount=none&secret_name=flat`, status: 404, has: /^$/ },
      { method: "GET", path: `${one}?mount=secret`, status: 400, has: /^secret_name is missing/ },
      { method: "GET", path: `${one}?secret_name=flat`, status: 400, has: /^mount is missing/ },
      { method: "GET", path: one, status: 400, has: /mount is missing/ },
      { method: "GET", path: `${list}/secret/flat`, status: 200, has: found },
      { method: "GET", path: `${list}/secret/none`, status: 404, has: /^$/ },
      { method: "GET", path: `${list}/secret/app/one`, status: 404, has: /unsupported path/ },
    ]),
  )("%s", (_title, row) => holds(row));
});

describe("1.9 GitHub apps are not for Azure", () => {
  test.each(
    titled([
      { method: "GET", path: "sys/sync/github-apps?list=true", status: 404, has: /unsupported path/ },
      { method: "PUT", path: "sys/sync/github-apps/x", body: {}, status: 404, has: /unsupported path/ },
    ]),
  )("%s", (_title, row) => holds(row));
});

describe("4 and 5 rows and their status", () => {
  const rowOf = async (name: string, path: string) => {
    const answer = await world.call("GET", `${ROOT}/azure-kv/${name}/associations`);
    const { accessor } = await world.refOf(path);
    return (answer.data["associated_secrets"] as Record<string, unknown>)[`${accessor}/${path}`];
  };
  const error = (code: string, errorClass: string) => ({
    kind: "refused" as const,
    error: { code, class: errorClass, retry: "later", message: "why", advice: "what to do", details: {} },
  });

  test.each([
    ["synced", { kind: "synced", version: 1, wrote: true }, { sync_status: "SYNCED", version: 1 }],
    ["unsynced", { kind: "unsynced", wrote: true }, { sync_status: "UNSYNCED" }],
    ["a client's fault", error("vault-denied", "client-side"), { sync_status: "CLIENT_SIDE_ERROR" }],
    [
      "the provider's fault",
      error("vault-unavailable", "external-service"),
      { sync_status: "EXTERNAL_SERVICE_ERROR", next_step: "what to do" },
    ],
    ["our fault", error("unexpected", "internal"), { sync_status: "INTERNAL_VAULT_ERROR" }],
    ["what ends by itself", error("vault-throttled", "external-service"), { sync_status: "PENDING" }],
  ])("a command that ended as %s", async (what, outcome, has) => {
    const name = `status-${what.replace(/\W/g, "-")}`;
    await world.createDestination(name);
    await world.set(name, "flat");
    await world.observe("flat");
    await world.command(name, "flat");
    expect(await rowOf(name, "flat")).toMatchObject({ sync_status: "PENDING", sub_key: "", mount: "secret" });
    await world.end(name, "flat", outcome as Parameters<World["end"]>[2]);
    expect(await rowOf(name, "flat")).toMatchObject({ secret_name: "flat", ...has });
  });
});

describe("namespaces: destinations and associations are those of the request's own", () => {
  const inTeam = { headers: { "x-vault-namespace": "team" } };
  const team = (method: string, path: string, body?: unknown) => world.call(method, path, body, inTeam);
  beforeAll(async () => {
    await world.vault("POST", "sys/namespaces/team", {});
    await world.vault("POST", "sys/namespaces/empty", {});
  });

  test.each([`${ROOT}?list=true`, `${ROOT}/azure-kv?list=true`, "sys/sync/associations?list=true"])(
    "where a namespace has none, LIST %s is 404 with an empty list of errors",
    async (path) => {
      const headers = { "x-vault-namespace": "empty" };
      const answer = await world.call("GET", path, undefined, { headers });
      expect([answer.status, answer.body]).toEqual([404, { errors: [] }]);
    },
  );

  test("one name in two namespaces is two destinations, each listed, read and deleted by itself", async () => {
    const before = (await world.call("GET", KNOWN)).data;
    const uri = "https://kv-team.vault.azure.net";
    expect((await team("PUT", KNOWN, { ...CONNECTION, key_vault_uri: uri })).status).toBe(200);
    expect((await team("GET", KNOWN)).data["connection_details"]).toMatchObject({ key_vault_uri: uri });
    expect((await team("GET", `${ROOT}/azure-kv?list=true`)).data).toEqual({
      keys: ["known"],
      total_destinations: 1,
    });
    expect((await team("GET", `${KNOWN}/associations`)).data["associated_secrets"]).toEqual({});
    expect((await team("DELETE", KNOWN)).status).toBe(204);
    expect((await team("GET", KNOWN)).status).toBe(404);
    expect((await world.call("GET", KNOWN)).data).toEqual(before);
  });

  test("the header's slashes don't count, and `root` is the root namespace", async () => {
    for (const name of ["/team/", "team/", "team"]) {
      const headers = { "x-vault-namespace": name };
      expect((await world.call("GET", KNOWN, undefined, { headers })).status).toBe(404);
    }
    const headers = { "x-vault-namespace": "root" };
    expect((await world.call("GET", KNOWN, undefined, { headers })).status).toBe(200);
  });

  test("a mount is looked for in the namespace of the request, and the flag is activated in the root one alone", async () => {
    await team("PUT", KNOWN, CONNECTION);
    const set = await team("PUT", `${KNOWN}/associations/set`, PAIR);
    expect([set.status, set.errors]).toEqual([400, [expect.stringMatching(/^mount secret does not exist/)]]);
    const activated = await team("PUT", "sys/activation-flags/secrets-sync/activate", {});
    expect([activated.status, activated.errors.join()]).toEqual([
      404,
      expect.stringContaining("unsupported path"),
    ]);
    await team("DELETE", KNOWN);
  });
});

describe("the answer's form", () => {
  test("flags are answered without a token; everything else takes one, and a form's type is read as JSON", async () => {
    expect((await world.call("GET", "sys/activation-flags", undefined, { token: null })).status).toBe(200);
    for (const path of [KNOWN, `${ROOT}?list=true`, "sys/sync/config", "sys/sync/associations?list=true"]) {
      expect((await world.call("GET", path, undefined, { token: null })).status).toBe(403);
    }
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const set = await world.call("PUT", `${KNOWN}/associations/set`, PAIR, { headers });
    expect(set.status).toBe(200);
  });

  test("answers say what they are, the large ones too, and carry their length", async () => {
    for (const path of [KNOWN, `${KNOWN}/associations`]) {
      const { headers, text } = await world.call("GET", path);
      expect(headers.get("content-type")).toMatch(/^application\/json/);
      expect(Number(headers.get("content-length"))).toBe(Buffer.byteLength(text));
    }
  });
});
