import { describe, expect, test } from "vitest";
import type { DestinationRecord } from "@keyferry/contracts";
import { defaultTemplate } from "@keyferry/naming";
import { composeDestination, type ComposeInput } from "./compose-destination.ts";
import { type DestinationFields, readDestinationFields } from "./destination-fields.ts";

const SENT = {
  key_vault_uri: "https://kv-1.vault.azure.net",
  tenant_id: "11111111-2222-3333-4444-555555555555",
  client_id: "c",
};

function fields(body: Record<string, unknown>): DestinationFields {
  const read = readDestinationFields(body);
  if (read.kind === "refused") throw new Error(read.errors.join());
  return read.fields;
}

function compose(body: Record<string, unknown>, more: Partial<ComposeInput> = {}) {
  return composeDestination({
    mode: "replace",
    fields: fields(body),
    stored: undefined,
    defaults: {},
    ...more,
  });
}

const STORED: DestinationRecord = {
  major: 1,
  uid: "destinationuid234",
  namespace: "",
  type: "azure-kv",
  name: "d",
  state: "active",
  connection: {
    keyVaultUri: SENT.key_vault_uri,
    tenantId: SENT.tenant_id,
    clientId: "c",
    credential: { kind: "client-secret", path: "p", version: 1 },
  },
  spec: {
    granularity: "secret-path",
    nameTemplate: defaultTemplate("secret-path"),
    customTags: { a: "1", b: "2" },
  },
  createdAt: "",
  updatedAt: "",
};

describe("what a write makes of a destination", () => {
  test("defaults of the configuration fill what is missing, as Vault's environment does", () => {
    const defaults = { keyVaultUri: SENT.key_vault_uri, tenantId: SENT.tenant_id, clientId: "from-defaults" };
    expect(compose({}, { defaults })).toMatchObject({
      kind: "ok",
      destination: {
        connection: { clientId: "from-defaults" },
        credential: { kind: "become", credential: { kind: "environment" } },
      },
    });
  });

  test.each([
    ["replace", {}, {}],
    ["merge", {}, { a: "1", b: "2" }],
    ["merge", { custom_tags: { b: "3", c: "4" } }, { a: "1", b: "3", c: "4" }],
    ["merge", { custom_tags: { a: null } }, { b: "2" }],
    ["merge", { custom_tags: null }, {}],
    ["merge", { tags_to_remove: "a,b" }, {}],
    ["replace", { custom_tags: { z: "9" }, tags_to_remove: "z" }, { z: "9" }],
  ] as const)("%s with %j leaves the tags %j", (mode, body, tags) => {
    const result = compose({ ...SENT, ...body }, { mode, stored: STORED });
    expect(result.kind === "ok" && result.destination.spec.customTags).toEqual(tags);
  });

  test.each([
    ["a secret that is sent is stored", "replace", { client_secret: "s" }, "store"],
    ["an absent one keeps what is there, in PUT too", "replace", {}, "keep"],
    ["a masked one keeps what is there", "merge", { client_secret: "*****" }, "keep"],
    ["null in a PATCH takes it away", "merge", { client_secret: null }, "become"],
  ] as const)("%s", (_what, mode, body, kind) => {
    expect(compose({ ...SENT, ...body }, { mode, stored: STORED })).toMatchObject({
      destination: { credential: { kind } },
    });
  });

  test("Vault's own tag takes the place of a custom one, and a purge needs a delete before it", () => {
    const tags = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`t${n}`, ""]));
    expect(compose({ ...SENT, vault_tag: "true", custom_tags: tags(12) })).toMatchObject({
      kind: "ok",
      destination: { policy: { vaultTag: true } },
    });
    expect(compose({ ...SENT, vault_tag: true, custom_tags: tags(13) })).toEqual({
      kind: "refused",
      errors: ["vault_tag takes the place of one custom tag: leave 12 custom tags or fewer"],
    });
    expect(compose({ ...SENT, purge_deleted: true })).toMatchObject({
      kind: "ok",
      destination: { policy: { purgeDeleted: true } },
    });
    expect(compose({ ...SENT, purge_deleted: true, on_delete: "disable" })).toEqual({
      kind: "refused",
      errors: ["purge_deleted purges what on_delete=delete has deleted: leave one of the two out"],
    });
  });

  test("a default template follows the granularity, a chosen one stays", () => {
    expect(compose({ granularity: "secret-key" }, { mode: "merge", stored: STORED })).toMatchObject({
      destination: { spec: { nameTemplate: defaultTemplate("secret-key") } },
    });
    const chosen = { ...STORED, spec: { ...STORED.spec, nameTemplate: "x-{{ .SecretPath }}" } };
    expect(compose({ client_id: "n" }, { mode: "merge", stored: chosen })).toMatchObject({
      destination: { spec: { nameTemplate: "x-{{ .SecretPath }}" } },
    });
  });

  test.each(["key_vault_uri", "tenant_id", "cloud"])("%s can't be changed", (field) => {
    const other = { key_vault_uri: "https://kv-2.vault.azure.net", tenant_id: "contoso.com", cloud: "cloud" }[
      field
    ];
    const result = compose({ ...SENT, [field]: other }, { stored: STORED });
    expect(result).toEqual({
      kind: "refused",
      errors: [expect.stringContaining(`${field} can't be changed`)],
    });
  });

  test("uri-aimed-elsewhere: every fault of an address is refused", () => {
    for (const uri of [
      "http://kv-1.vault.azure.net",
      "https://kv-1.vault.azure.net:443",
      "https://evil.example/kv-1.vault.azure.net",
      "https://u@kv-1.vault.azure.net",
    ]) {
      expect(compose({ ...SENT, key_vault_uri: uri })).toMatchObject({ kind: "refused" });
    }
  });
});

describe("fields", () => {
  test.each([
    [{ disable_strict_networking: "false", allowed_ports: "443,8443", identity_token_ttl: "1h30m" }, []],
    [{ disable_strict_networking: "perhaps" }, ["disable_strict_networking"]],
    [
      { identity_token_ttl: "soon", delete_guard_minimum: "many" },
      ["identity_token_ttl", "delete_guard_minimum"],
    ],
    [{ custom_tags: 7 }, ["custom_tags"]],
    [{ client_id: {} }, ["client_id"]],
  ])("%j refuses %j", (body, refused) => {
    const read = readDestinationFields(body);
    const errors = read.kind === "refused" ? read.errors : [];
    expect(errors).toEqual(refused.map((field) => expect.stringMatching(new RegExp(`^${field} `))));
  });
});
