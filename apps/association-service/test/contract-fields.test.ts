// The contract, row by row: the fields of a destination and its templates (reference: sections 2 and 3), accepted, refused
// by name, merged. Statuses and what is peculiar; each answer's shape is held against its schema by the world's call().
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { holds as holdsIn, type Row, titled } from "./support/contract-row.ts";
import { CONNECTION, startWorld, type World } from "./support/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const ROOT = "sys/sync/destinations";
const NEW = `${ROOT}/azure-kv/new`;
const holds = (row: Row) => holdsIn(world, row);

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
        [{ disable_strict_networking: "true" }, { connection_details: { disable_strict_networking: true } }],
        [
          { allowed_ipv4_addresses: "10.0.0.0/8,192.168.0.0/16" },
          { connection_details: { allowed_ipv4_addresses: ["10.0.0.0/8", "192.168.0.0/16"] } },
        ],
        [
          { allowed_ipv6_addresses: ["fd00::/8"] },
          { connection_details: { allowed_ipv6_addresses: ["fd00::/8"] } },
        ],
        [{ allowed_ports: ["443", 8443] }, { connection_details: { allowed_ports: [443, 8443] } }],
        [{ allowed_ports: "443,8443" }, { connection_details: { allowed_ports: [443, 8443] } }],
        [
          { client_secret: undefined, identity_token_audience: "api://x", identity_token_ttl: "1h" },
          { connection_details: { identity_token_audience: "*****", identity_token_ttl: 3600 } },
        ],
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
        [{ allowed_ports: "https" }, /^allowed_ports/],
        [{ disable_strict_networking: "perhaps" }, /^disable_strict_networking/],
        [{ identity_token_audience: "api://AzureADTokenExchange" }, /identity_token_audience/],
        [{ identity_token_key: "k" }, /^identity_token_key/],
        [{ identity_token_ttl: "soon" }, /^identity_token_ttl/],
      ]),
    ),
  )("%s", (_title, row) => holds(row));
});

describe("2 PATCH", () => {
  const PATCHED = `${ROOT}/azure-kv/patched`;
  const tags = (custom_tags: object) => ({ options: { custom_tags } });
  beforeAll(() => world.createDestination("patched", { ...CONNECTION, custom_tags: { a: "1", b: "2" } }));
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

describe("3 an external name has one owner in a vault, whatever its case", () => {
  const vault = { key_vault_uri: "https://kv-names.vault.azure.net" };
  const lower = { ...vault, secret_name_template: "x-{{ .SecretPath }}" };
  const upper = { ...vault, secret_name_template: "X-{{ .SecretPath | uppercase }}" };
  beforeAll(async () => {
    await world.createDestination("names-1", lower);
    await world.createDestination("names-2", upper);
    for (const path of ["names/a", "names-a"]) await world.write(path);
  });
  afterAll(async () => {
    await world.remove("names-2", "names-a");
    for (const name of ["names-1", "names-2"]) await world.call("DELETE", `${ROOT}/azure-kv/${name}`);
  });

  test("a set that would take a name is refused, names who has it, and passes when that one is removed", async () => {
    expect((await world.set("names-1", "names/a")).status).toBe(200);
    const taken =
      /^external name X-NAMES-A is taken: the association of secret\/names\/a with azure-kv\/names-1 has it/;
    for (const path of ["names/a", "names-a"]) {
      const refused = await world.set("names-2", path);
      expect([refused.status, refused.errors.join()]).toEqual([400, expect.stringMatching(taken)]);
      expect(await world.association("names-2", path)).toBeUndefined();
    }
    const own = await world.set("names-1", "names-a");
    expect([own.status, own.errors.join()]).toEqual([
      400,
      expect.stringMatching(/^external name x-names-a is taken/),
    ]);
    expect((await world.set("names-1", "names/a")).status).toBe(200);
    await world.remove("names-1", "names/a");
    expect((await world.set("names-2", "names-a")).status).toBe(200);
  });
});
