// What Terraform's Vault provider sends, in its order, against the whole system: one test for each trap of the provider
// (reference: clients, traps 1 to 11) that a server can fall into. Trap 9 is about import, trap 3's diff is the client's.
import { DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_TENANT_ID } from "@keyferry/key-vault-emulator";
import { eventually, type Stack, STACK_MOUNT, startStack, type VaultApi } from "@keyferry/testkit";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { liveSecrets } from "./support/emulated-vault.ts";
import { runFolder } from "./support/run-folder.ts";
import {
  applyAssociation,
  applyDestination,
  destinationPath,
  destroyAssociation,
  destroyDestination,
  readAssociation,
  readDestination,
  startProvider,
} from "./support/terraform.ts";

let folder: Awaited<ReturnType<typeof runFolder>>;
let stack: Stack;
let provider: VaultApi;
let version: unknown;

beforeAll(async () => {
  folder = await runFolder();
  stack = await startStack({ dir: folder.path });
  ({ provider, version } = await startProvider(stack.vault));
});

afterAll(async () => {
  await stack.stop();
  await folder[Symbol.asyncDispose]();
});

const fieldsOf = (name: string, over: Readonly<Record<string, unknown>> = {}) => ({
  key_vault_uri: `https://${name}.vault.azure.net`,
  tenant_id: DEFAULT_TENANT_ID,
  client_id: DEFAULT_CLIENT_ID,
  client_secret: DEFAULT_CLIENT_SECRET,
  secret_name_template: "{{ .SecretPath }}",
  granularity: "secret-path",
  ...over,
});

async function putSecret(secretName: string, data: Readonly<Record<string, unknown>> = { a: "1" }) {
  await provider.expect("POST", `${STACK_MOUNT}/data/${secretName}`, { data });
  return { mount: STACK_MOUNT, secret_name: secretName };
}

const holds = (vault: string, name: string, value: string | undefined): Promise<unknown> =>
  eventually(async () => (await liveSecrets(stack, vault)).get(name)?.value ?? "nothing", {
    what: `${vault}/${name}`,
    until: (found) => found === (value ?? "nothing"),
    timeoutMs: 60_000,
  });

test("trap 1: the provider starts through the gateway, and the version that it reads opens every gate", async () => {
  expect(version).toMatch(/^\d+\.\d+\.\d+/);
  const direct = await fetch(`${stack.openbao.url}/v1/sys/seal-status`);
  const { version: own } = (await direct.json()) as { version: unknown };
  expect(version).toBe(own);
  // The child token that it works with from here on is another than the one it was given.
  const { display_name: name } = await provider.expect("GET", "auth/token/lookup-self");
  expect(name).toBe("token-terraform");
});

test("trap 1: networking options, which those gates let through, are kept as sent or refused by name", async () => {
  const networking = {
    disable_strict_networking: true,
    allowed_ipv4_addresses: ["10.0.0.0/8"],
    allowed_ports: [443],
  };
  const path = destinationPath("networking");
  const answer = await provider.call("PUT", path, fieldsOf("networking", networking));
  const told = answer.status === 200 ? await readDestination(provider, "networking") : errorsOf(answer.body);
  const kept = Object.entries(networking).filter(([name, value]) =>
    typeof told === "string" ? told.includes(name) : isDeepStrictEqual(told[name], value),
  );
  expect([200, 400]).toContain(answer.status);
  expect(Object.fromEntries(kept)).toEqual(networking);
});

function errorsOf(body: unknown): string {
  return (body as { errors: readonly string[] }).errors.join("\n");
}

test("trap 2: what a PUT leaves out is reset, so that tags can be taken away", async () => {
  const before = await applyDestination(
    provider,
    "replace",
    fieldsOf("replace", { custom_tags: { a: "1" } }),
  );
  expect(before).toMatchObject({ custom_tags: { a: "1" } });
  const after = await applyDestination(provider, "replace", fieldsOf("replace", { custom_tags: {} }));
  expect(after).toMatchObject({ custom_tags: {} });
});

test("trap 2: a PUT without client_secret keeps the one that is stored, and goes on to work", async () => {
  await applyDestination(provider, "keep-secret", fieldsOf("keep-secret"));
  const after = await applyDestination(
    provider,
    "keep-secret",
    fieldsOf("keep-secret", { client_secret: "", custom_tags: { a: "1" } }),
  );
  expect(after).toMatchObject({ client_secret: "*****", custom_tags: { a: "1" } });
  await applyAssociation(provider, "keep-secret", await putSecret("kept"));
  await holds("keep-secret", "kept", '{"a":"1"}');
});

test.for(["secret-path", "secret-key"])(
  "trap 3: granularity %s is read back as it was sent",
  async (level) => {
    const name = `level-${level}`;
    const template = "{{ .SecretPath }}-{{ .SecretKey }}";
    const secret_name_template = level === "secret-key" ? template : "{{ .SecretPath }}";
    const read = await applyDestination(
      provider,
      name,
      fieldsOf(name, { granularity: level, secret_name_template }),
    );
    expect(read).toMatchObject({ granularity: level });
  },
);

test("trap 4: the template is read back byte for byte, and as the default where none was sent", async () => {
  const template = '{{- .MountPath | replace "/" "_" -}}  {{   .SecretBaseName|lowercase}}';
  const read = await applyDestination(
    provider,
    "template",
    fieldsOf("template", { secret_name_template: template }),
  );
  expect(read["secret_name_template"]).toBe(template);
  const other = await applyDestination(
    provider,
    "default-template",
    fieldsOf("default-template", { secret_name_template: "" }),
  );
  expect(other["secret_name_template"]).toBe(
    'vault-{{ .MountAccessor | replace "_" "-" }}-{{ .SecretPath }}',
  );
});

test.for([
  ["with a slash at its end", "https://uri-slash.vault.azure.net/"],
  ["without one", "https://uri-bare.vault.azure.net"],
  ["in capitals", "https://URI-Capitals.vault.azure.net"],
] as const)("trap 5: key_vault_uri %s is read back byte for byte, also after an update", async ([, uri]) => {
  const name = new URL(uri).hostname.split(".")[0] ?? "";
  const fields = fieldsOf(name, { key_vault_uri: uri, tenant_id: DEFAULT_TENANT_ID.toUpperCase() });
  for (const tags of [{}, { updated: "yes" }]) {
    const read = await applyDestination(provider, name, { ...fields, custom_tags: tags });
    expect(read).toMatchObject({ key_vault_uri: uri, tenant_id: DEFAULT_TENANT_ID.toUpperCase() });
  }
});

test("trap 5: cloud is left out when it was not set, and read back when it was", async () => {
  expect(await applyDestination(provider, "cloudless", fieldsOf("cloudless"))).not.toHaveProperty("cloud");
  const fields = fieldsOf("clouded", { cloud: "AzurePublicCloud" });
  expect(await applyDestination(provider, "clouded", fields)).toMatchObject({ cloud: "AzurePublicCloud" });
});

test("trap 6: an association is among the rows right after set, for a nested path too", async () => {
  await applyDestination(provider, "at-once", fieldsOf("at-once"));
  for (const path of ["plain", "team/app/db"]) {
    const found = await applyAssociation(provider, "at-once", await putSecret(path));
    expect(found.map((row) => row.secret_name)).toEqual([path]);
  }
});

test("trap 7: a destination without associations is answered with 200 and no rows", async () => {
  await applyDestination(provider, "empty", fieldsOf("empty"));
  const secret = { mount: STACK_MOUNT, secret_name: "never-set" };
  expect(await readAssociation(provider, "empty", secret)).toEqual([]);
  await applyAssociation(provider, "empty", await putSecret("set-and-removed"));
  await destroyAssociation(provider, "empty", { mount: STACK_MOUNT, secret_name: "set-and-removed" });
  expect(
    await readAssociation(provider, "empty", { mount: STACK_MOUNT, secret_name: "set-and-removed" }),
  ).toEqual([]);
});

test("trap 7: a destination that somebody deleted by hand, or that never was, has no rows either", async () => {
  const secret = await putSecret("left-behind");
  await applyDestination(provider, "deleted-by-hand", fieldsOf("deleted-by-hand"));
  expect(await destroyDestination(provider, "deleted-by-hand")).toBe(204);
  expect(await readAssociation(provider, "deleted-by-hand", secret)).toEqual([]);
  expect(await readAssociation(provider, "never-made", secret)).toEqual([]);
});

test("trap 8: destroy removes the association and the destination while Key Vault does not answer; the secret goes later", async () => {
  await applyDestination(provider, "destroyed", fieldsOf("destroyed"));
  const secret = await putSecret("destroyed-secret");
  await applyAssociation(provider, "destroyed", secret);
  await holds("destroyed", "destroyed-secret", '{"a":"1"}');
  await stack.keyVault.pause();
  try {
    await destroyAssociation(provider, "destroyed", secret);
    expect(await destroyDestination(provider, "destroyed")).toBe(204);
    expect((await provider.call("GET", destinationPath("destroyed"))).status).toBe(404);
  } finally {
    await stack.keyVault.resume();
  }
  await holds("destroyed", "destroyed-secret", undefined);
});

test("trap 8: a destroy that is repeated succeeds", async () => {
  await applyDestination(provider, "twice", fieldsOf("twice"));
  const secret = await putSecret("twice-secret");
  await applyAssociation(provider, "twice", secret);
  await destroyAssociation(provider, "twice", secret);
  await destroyAssociation(provider, "twice", secret);
  expect(await destroyDestination(provider, "twice")).toBe(204);
  expect(await destroyDestination(provider, "twice")).toBe(204);
});

test("trap 10: vault_secrets_sync_config is patched, read as a number and a flag, and deleted", async () => {
  const config = { disabled: false, queue_capacity: 500_000 };
  expect(await provider.expect("PATCH", "sys/sync/config", config)).toEqual(config);
  expect(await provider.expect("GET", "sys/sync/config")).toEqual(config);
  expect(await provider.expect("DELETE", "sys/sync/config")).toMatchObject({ queue_capacity: 1_000_000 });
});

test("trap 11: under secret-key there is a row for each key, and keys come and go with versions", async () => {
  const spec = { granularity: "secret-key", secret_name_template: "{{ .SecretPath }}-{{ .SecretKey }}" };
  await applyDestination(provider, "keys", fieldsOf("keys", spec));
  const secret = await putSecret("app", { host: "h", port: "1" });
  const first = await applyAssociation(provider, "keys", secret);
  // One row without a key until the first key is written, which may be before this answer.
  expect(first.filter(({ sub_key }) => !["", "host", "port"].includes(sub_key))).toEqual([]);
  expect(first.length).toBeGreaterThan(0);
  // A dropped key's row goes when its external secret does, which takes a permit of the delete budget.
  const shown = async () => {
    const rows = await readAssociation(provider, "keys", secret);
    const names = [...(await liveSecrets(stack, "keys")).keys()].sort();
    return { keys: rows.map(({ sub_key }) => sub_key), names };
  };
  const rowsAreWhatIsThere = (key: string) =>
    eventually(shown, {
      what: `a row of ${key}, and of all else that Key Vault holds`,
      timeoutMs: 60_000,
      until: ({ keys, names }) =>
        keys.includes(key) &&
        isDeepStrictEqual(
          keys.map((one) => `app-${one}`),
          names,
        ),
    });
  expect((await rowsAreWhatIsThere("port")).keys).toEqual(["host", "port"]);
  await putSecret("app", { port: "2", user: "u" });
  expect((await rowsAreWhatIsThere("user")).keys).toEqual(expect.arrayContaining(["port", "user"]));
});

test("trap 11: a row has sub_key, sync_status and updated_at, which is what the provider's schema really has", async () => {
  await applyDestination(
    provider,
    "metadata",
    fieldsOf("metadata", { secret_name_template: "path-{{ .SecretPath }}" }),
  );
  const secret = await putSecret("described");
  await applyAssociation(provider, "metadata", secret);
  const [row] = await eventually(() => readAssociation(provider, "metadata", secret), {
    what: "SYNCED",
    until: ([found]) => found?.sync_status === "SYNCED",
  });
  expect(row).toMatchObject({ sub_key: "", sync_status: "SYNCED" });
  expect(row?.updated_at).toMatch(/^\d{4}-\d\d-\d\dT/);
});

test("vault_activation_flags finds the flag active in the read right after it set it", async () => {
  await provider.expect("PUT", "sys/activation-flags/secrets-sync/activate", {});
  const { activated } = await provider.expect("GET", "sys/activation-flags");
  expect(activated).toContain("secrets-sync");
});

test("vault_mount and vault_kv_secret_v2 work beside them, and an apply in one go ends in Key Vault", async () => {
  await provider.expect("POST", "sys/mounts/terraform-made", { type: "kv", options: { version: "2" } });
  expect(await provider.expect("GET", "sys/mounts/terraform-made")).toMatchObject({ type: "kv" });
  await provider.expect("DELETE", "sys/mounts/terraform-made");

  const secret = await putSecret("applied", { b: 2, a: "ü" });
  await applyDestination(provider, "applied", fieldsOf("applied", { custom_tags: { team: "core" } }));
  await applyAssociation(provider, "applied", secret);
  await holds("applied", "applied", '{"a":"ü","b":2}');
  const { metadata } = await provider.expect("GET", `${STACK_MOUNT}/data/applied`);
  expect(metadata).toMatchObject({ version: 1 });
});
