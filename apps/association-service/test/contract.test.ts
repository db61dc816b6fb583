// The contract, row by row: what the reference says of each method and path of its sections 1 to 5, and what this server
// answers. Each answer's shape is held against its schema by the world's call(); here are statuses and what is peculiar.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CONNECTION, startWorld, type World } from "./support/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.createDestination("known", { custom_tags: { team: "a", env: "b" } });
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
const MERGE = { "content-type": "application/merge-patch+json" };
const PAIR = { mount: "secret", secret_name: "flat" };

interface Row {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly status: number;
  /** What `data` has, at least; for an error, what its text matches. */
  readonly has?: object | RegExp;
}

/** `GET x → 200`, and the body where two rows differ in nothing else. */
const titled = (rows: readonly Row[]) =>
  rows.map((row) => {
    const body = row.body === undefined ? "" : ` ${JSON.stringify(row.body)}`;
    return [`${row.method} ${row.path}${body} → ${row.status}`, row] as const;
  });

async function holds({ method, path, body, status, has }: Row): Promise<void> {
  const headers = method === "PATCH" ? MERGE : {};
  const answer = await world.call(method, path, body, { headers });
  const text = answer.errors.join("\n");
  // A text that matches counts as its pattern, so that one that does not is shown.
  const said = has instanceof RegExp ? (has.test(text) ? has.source : text) : answer.data;
  const wanted = has instanceof RegExp ? has.source : (has ?? {});
  expect({ status: answer.status, isError: "errors" in answer.body, said }).toMatchObject({
    status,
    isError: status >= 400,
    said: wanted,
  });
}

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
      { method: "DELETE", path: "sys/activation-flags/secrets-sync/activate", status: 404 },
      { method: "GET", path: "sys/activation-flags/secrets-sync", status: 404, has: /unsupported path/ },
    ]),
  )("%s", (_title, row) => holds(row));
});

describe("1.2 global configuration: what is not offered", () => {
  test.each(
    titled([
      { method: "PUT", path: "sys/sync/config", body: {}, status: 404 },
      { method: "POST", path: "sys/sync/config", body: {}, status: 404 },
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
      { method: "PUT", path: ROOT, body: {}, status: 404 },
      { method: "DELETE", path: `${ROOT}/azure-kv`, status: 404 },
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
      { method: "GET", path: `${KNOWN}/more`, status: 404, has: /unsupported path/ },
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
      { method: "GET", path: `${NEW}/associations`, status: 404, has: /^$/ },
      { method: "PUT", path: set, body: PAIR, status: 200, has: head },
      { method: "POST", path: set, body: PAIR, status: 200, has: head },
      { method: "PUT", path: `${set}/`, body: PAIR, status: 200, has: head },
      { method: "PUT", path: set, body: { mount: "secret/", secret_name: "flat" }, status: 200, has: head },
      { method: "PUT", path: set, body: { ...PAIR, colour: "blue" }, status: 200, has: head },
      { method: "PUT", path: set, body: { mount: "secret" }, status: 400, has: /^secret_name is missing/ },
      { method: "PUT", path: set, body: { secret_name: "flat" }, status: 400, has: /^mount is missing/ },
      { method: "PUT", path: set, status: 400, has: /mount is missing/ },
      { method: "PUT", path: set, body: { ...PAIR, secret_name: "nope" }, status: 400, has: missing },
      { method: "PUT", path: set, body: { ...PAIR, secret_name: "app/" }, status: 400 },
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
      { method: "GET", path: set, status: 404, has: /unsupported path/ },
      { method: "PATCH", path: set, body: PAIR, status: 404, has: /unsupported path/ },
      { method: "PUT", path: remove, body: { ...PAIR, secret_name: "never" }, status: 200, has: head },
      { method: "POST", path: remove, body: { mount: "gone", secret_name: "x" }, status: 200, has: head },
      { method: "PUT", path: remove, body: {}, status: 400, has: /mount is missing/ },
      { method: "PUT", path: `${NEW}/associations/remove`, body: PAIR, status: 404, has: /^$/ },
      { method: "DELETE", path: remove, body: PAIR, status: 404, has: /unsupported path/ },
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
      { method: "PUT", path: list, body: {}, status: 404 },
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

/** Writes of one destination; what differs from a complete one. */
const written = (rows: readonly (readonly [fields: object, has: object])[]) =>
  rows.map(([fields, has], index): Row => {
    const path = `${ROOT}/azure-kv/field-${index}`;
    return { method: "PUT", path, body: { ...CONNECTION, ...fields }, status: 200, has };
  });
const refused = (rows: readonly (readonly [fields: object, has: RegExp])[]) =>
  rows.map(([fields, has]): Row => ({
    method: "PUT",
    path: NEW,
    body: { ...CONNECTION, ...fields },
    status: 400,
    has,
  }));

describe("2 fields of azure-kv: accepted", () => {
  const uri = (key_vault_uri: string) => ({ connection_details: { key_vault_uri } });
  test.each(
    titled(
      written([
        [{ key_vault_uri: "https://kv-1.vault.azure.net/" }, uri("https://kv-1.vault.azure.net/")],
        [
          { key_vault_uri: "https://kv-1.vault.azure.cn", cloud: "AzureChinaCloud" },
          { connection_details: { cloud: "AzureChinaCloud" } },
        ],
        [
          { key_vault_uri: "https://kv-1.vault.usgovcloudapi.net", cloud: "AzureUSGovernmentCloud" },
          { connection_details: { cloud: "AzureUSGovernmentCloud" } },
        ],
        [{ cloud: "AzurePublicCloud" }, { connection_details: { cloud: "AzurePublicCloud" } }],
        [{ cloud: "cloud" }, { connection_details: { cloud: "cloud" } }],
        [{ tenant_id: "contoso.onmicrosoft.com" }, { type: "azure-kv" }],
        [{ granularity: "secret-path" }, { options: { granularity_level: "secret-path" } }],
        [{ granularity: "secret-key" }, { options: { granularity_level: "secret-key" } }],
        [{ granularity: "" }, { options: { granularity_level: "secret-path" } }],
        [{ custom_tags: { a: "b" } }, { options: { custom_tags: { a: "b" } } }],
        [{ custom_tags: "a=b" }, { options: { custom_tags: { a: "b" } } }],
        [{ custom_tags: ["a=b", "c=d=e"] }, { options: { custom_tags: { a: "b", c: "d=e" } } }],
        [{ custom_tags: '{"a":"b"}' }, { options: { custom_tags: { a: "b" } } }],
        [{ custom_tags: {} }, { options: { custom_tags: {} } }],
        [{ tags_to_remove: "a", custom_tags: { a: "b" } }, { options: { custom_tags: { a: "b" } } }],
        [{ disable_strict_networking: false, allowed_ports: [] }, { type: "azure-kv" }],
        [{ identity_token_ttl: 0, identity_token_audience: "" }, { type: "azure-kv" }],
        [{ purge: "true", force_delete: true }, { type: "azure-kv" }],
      ]),
    ),
  )("%s", (_title, row) => holds(row));
});

describe("2 fields of azure-kv: refused, each by its name", () => {
  test.each(
    titled(
      refused([
        [{ key_vault_uri: "" }, /^key_vault_uri is missing/],
        [{ key_vault_uri: "http://kv-1.vault.azure.net" }, /key_vault_uri/],
        [{ key_vault_uri: "https://kv-1.vault.azure.net:444" }, /key_vault_uri/],
        [{ key_vault_uri: "https://kv-1.example.com" }, /key_vault_uri/],
        [{ key_vault_uri: "https://u:p@kv-1.vault.azure.net" }, /key_vault_uri/],
        [{ key_vault_uri: "https://169.254.169.254" }, /key_vault_uri/],
        [{ key_vault_uri: "https://kv-1.vault.azure.net", cloud: "AzureChinaCloud" }, /key_vault_uri/],
        [{ cloud: "AzureGermanCloud" }, /cloud/],
        [{ tenant_id: "" }, /^tenant_id is missing/],
        [{ tenant_id: "../x" }, /tenant_id/],
        [{ client_id: "" }, /^client_id is missing/],
        [{ client_id: {} }, /^client_id is not text/],
        [{ granularity: "invalid-granularity" }, /^granularity is neither/],
        [{ custom_tags: { "a b": "c" } }, /^custom_tags/],
        [{ custom_tags: "novalue" }, /^custom_tags is not a map/],
        [{ custom_tags: { a: "x".repeat(257) } }, /^custom_tags/],
        [{ allowed_ipv4_addresses: "999.999.999.999/24" }, /^allowed_ipv4_addresses/],
        [{ allowed_ipv6_addresses: ["nonsense"] }, /^allowed_ipv6_addresses/],
        [{ allowed_ports: [99_999] }, /^allowed_ports/],
        [{ disable_strict_networking: true }, /^disable_strict_networking/],
        [{ identity_token_audience: "api://AzureADTokenExchange" }, /^identity_token_audience/],
        [{ identity_token_key: "k" }, /^identity_token_key/],
        [{ identity_token_ttl: "1h" }, /^identity_token_ttl/],
      ]),
    ),
  )("%s", (_title, row) => holds(row));
});

describe("2 PATCH", () => {
  const PATCHED = `${ROOT}/azure-kv/patched`;
  const tags = (custom_tags: object) => ({ options: { custom_tags } });
  beforeAll(() => world.createDestination("patched", { custom_tags: { a: "1", b: "2" } }));
  // In this order: each row stands on the one before.
  test.each(
    titled(
      (
        [
          [{ custom_tags: { c: "3" } }, 200, tags({ a: "1", b: "2", c: "3" })],
          [{ custom_tags: { c: null } }, 200, tags({ a: "1", b: "2" })],
          [{ tags_to_remove: ["b"] }, 200, tags({ a: "1" })],
          [{ tags_to_remove: "a,absent" }, 200, tags({})],
          [{ client_secret: "*****" }, 200, { connection_details: { client_secret: "*****" } }],
          [{ client_id: "another" }, 200, { connection_details: { client_id: "another" } }],
          [{ granularity: "secret-key" }, 200, { options: { granularity_level: "secret-key" } }],
          [{ granularity: null }, 200, { options: { granularity_level: "secret-path" } }],
          [{ key_vault_uri: "https://other.vault.azure.net" }, 400, /^key_vault_uri can't be changed/],
          [{ tenant_id: "99999999-2222-3333-4444-555555555555" }, 400, /^tenant_id can't be changed/],
          [{ cloud: "AzurePublicCloud" }, 400, /^cloud can't be changed/],
          [{ key_vault_uri: CONNECTION.key_vault_uri }, 200, { name: "patched" }],
        ] as const
      ).map(([body, status, has]) => ({ method: "PATCH", path: PATCHED, body, status, has })),
    ),
  )("%s", (_title, row) => holds(row));
});

describe("3 templates", () => {
  const ok = (secret_name_template: string) =>
    [{ secret_name_template }, { options: { secret_name_template } }] as const;
  const DEFAULT = 'vault-{{ .MountAccessor | replace "_" "-" }}-{{ .SecretPath }}';
  const rows: readonly Row[] = [
    ...written([
      [{}, { options: { secret_name_template: DEFAULT } }],
      [{ secret_name_template: "" }, { options: { secret_name_template: DEFAULT } }],
      ok("prefix-{{ .SecretPath }}"),
      ok("{{ .SecretBaseName | uppercase }}"),
      ok('{{ .SecretPath | replace "/" "_" }}'),
      ok("vault-{{ .MountPath }}-{{ .SecretPath }}"),
      ok("{{.NamespacePath}}{{.NamespaceBaseName}}{{.NamespaceID}}{{.MountBaseName}}"),
      ok("{{ .DestinationType }}-{{ .DestinationName }}"),
      ok("{{ .SecretPath | truncate_sha256 20 }}"),
      ok("{{ .SecretPath | sha256 | truncate 20 }}"),
    ]).map((row) => ({ ...row, path: row.path.replace("field", "template") })),
    {
      method: "PUT",
      path: `${ROOT}/azure-kv/template-key`,
      body: {
        ...CONNECTION,
        granularity: "secret-key",
        secret_name_template: "{{ .MountAccessor }}_{{ .SecretKey }}",
      },
      status: 200,
    },
    {
      method: "PUT",
      path: `${ROOT}/azure-kv/template-unused-key`,
      body: {
        ...CONNECTION,
        granularity: "secret-key",
        secret_name_template: "{{ $unused := .SecretKey }}{{ .SecretBaseName }}",
      },
      status: 200,
    },
    ...refused([
      [{ secret_name_template: "{{.InvalidTemplate}}" }, /secret name template is invalid/],
      [{ secret_name_template: "{{ .SecretKey }}" }, /secret name template is invalid/],
      [{ secret_name_template: "{{ uuid }}" }, /secret name template is invalid/],
      [{ secret_name_template: "{{ random 5 }}" }, /secret name template is invalid/],
      [{ secret_name_template: "{{ unix_time }}" }, /secret name template is invalid/],
      [{ secret_name_template: '{{ timestamp "2006" }}' }, /secret name template is invalid/],
      [{ secret_name_template: "{{ .SecretPath | trimspace }}" }, /secret name template is invalid/],
      [{ secret_name_template: "{{ .SecretPath" }, /secret name template is invalid/],
      [{ secret_name_template: "x".repeat(100_001) }, /secret name template is invalid/],
      [
        { granularity: "secret-key", secret_name_template: "{{ .SecretPath }}" },
        /reference to the secret key/,
      ],
    ]),
  ];
  test.each(
    titled(rows).map(
      ([title, row]) => [title.length > 300 ? `${title.slice(0, 300)}…` : title, row] as const,
    ),
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
