// A destination whose connection does not work is told when it is written, by a sink that looks: against the whole system,
// with the real SDK and an authority that knows which secret is right.
import { DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_TENANT_ID } from "@keyferry/key-vault-emulator";
import { eventually, type Stack, STACK_MOUNT, startStack } from "@keyferry/testkit";
import { generate } from "selfsigned";
import { afterAll, beforeAll, expect, test } from "vitest";
import { liveSecrets } from "./support/emulated-vault.ts";
import { runFolder } from "./support/run-folder.ts";

const CERTIFIED = "6c9b1f5e-0d5e-4c19-8f6c-7f3d2a1b0c9d";
const NO_ROLE = "5c9b1f5e-0d5e-4c19-8f6c-7f3d2a1b0c9d";

let folder: Awaited<ReturnType<typeof runFolder>>;
let stack: Stack;
let certificate: string;

beforeAll(async () => {
  const made = await generate([{ name: "commonName", value: "keyferry" }], {
    keySize: 2048,
    algorithm: "sha256",
  });
  certificate = `${made.cert}\n${made.private}`;
  folder = await runFolder();
  stack = await startStack({
    dir: folder.path,
    keyVault: {
      softDelete: "instant",
      principals: [
        { clientId: DEFAULT_CLIENT_ID, clientSecret: DEFAULT_CLIENT_SECRET },
        { clientId: CERTIFIED, certificates: [made.cert] },
        { clientId: NO_ROLE, clientSecret: "s", access: { model: "rbac", actions: [] } },
      ],
    },
  });
});

afterAll(async () => {
  await stack.stop();
  await folder[Symbol.asyncDispose]();
});

const pathOf = (name: string) => `sys/sync/destinations/azure-kv/${name}`;
const write = (name: string, over: Readonly<Record<string, unknown>> = {}) =>
  stack.vault.call("PUT", pathOf(name), {
    key_vault_uri: `https://${name}.vault.azure.net`,
    tenant_id: DEFAULT_TENANT_ID,
    client_id: DEFAULT_CLIENT_ID,
    client_secret: DEFAULT_CLIENT_SECRET,
    secret_name_template: "{{ .SecretPath }}",
    ...over,
  });
const textOf = (body: unknown): string => JSON.stringify(body);

test.each([
  ["a wrong secret", { client_secret: "wrong-canary" }, /AADSTS7000215 \(client_secret is wrong/],
  ["another tenant", { tenant_id: "99999999-2222-4333-8444-555555555555" }, /the vault belongs to tenant/],
  ["an unknown application", { client_id: "99999999-2222-4333-8444-555555555555" }, /AADSTS700016/],
])("%s is refused with Entra's code, and nothing is written", async (_what, over, message) => {
  const { status, body } = await write("refused", over);
  expect([status, textOf(body)]).toEqual([400, expect.stringMatching(message)]);
  expect(textOf(body)).not.toContain("wrong-canary");
  expect((await stack.vault.call("GET", pathOf("refused"))).status).toBe(404);
});

test("a role that is missing is a warning that names the data action; the destination is there", async () => {
  const { status, body } = await write("roleless", { client_id: NO_ROLE, client_secret: "s" });
  expect([status, textOf(body)]).toEqual([
    200,
    expect.stringContaining("Microsoft.KeyVault/vaults/secrets/readMetadata/action"),
  ]);
});

test("the check can prove that all of it may be written, and removes its probe", async () => {
  expect((await write("proven")).status).toBe(200);
  const { findings } = await stack.vault.expect("POST", `${pathOf("proven")}/check`, { write: true });
  const told = findings as readonly { check: string; ok: boolean }[];
  expect(told.filter(({ ok }) => !ok)).toEqual([]);
  expect(told.map(({ check }) => check)).toEqual(
    expect.arrayContaining(["dns", "tls", "tenant", "token", "list", "set", "update", "delete", "recover"]),
  );
  expect([...(await liveSecrets(stack, "proven")).keys()]).toEqual([]);
  await stack.vault.expect("POST", `${STACK_MOUNT}/data/app`, { data: { a: "1" } });
  await stack.vault.expect("PUT", `${pathOf("proven")}/associations/set`, {
    mount: STACK_MOUNT,
    secret_name: "app",
  });
  await eventually(async () => (await liveSecrets(stack, "proven")).has("app"), {
    what: "the secret in Key Vault",
  });
});

test("a destination with a certificate: kept in the source as a client secret is, masked, and synced with", async () => {
  const made = await write("certified", {
    client_id: CERTIFIED,
    client_secret: undefined,
    client_certificate: certificate,
  });
  expect([made.status, textOf(made.body)]).toEqual([
    200,
    expect.stringContaining('"client_certificate":"*****"'),
  ]);
  expect(textOf(made.body)).not.toContain("PRIVATE");
  await stack.vault.expect("POST", `${STACK_MOUNT}/data/certified-app`, { data: { a: "1" } });
  await stack.vault.expect("PUT", `${pathOf("certified")}/associations/set`, {
    mount: STACK_MOUNT,
    secret_name: "certified-app",
  });
  await eventually(async () => (await liveSecrets(stack, "certified")).has("certified-app"), {
    what: "the secret in Key Vault",
  });
});

test("without a sink a destination is written unchecked, and the check says that nobody looked", async () => {
  await stack.services["azure-sink"].stop();
  expect((await write("unchecked", { client_secret: "wrong" })).status).toBe(200);
  const { findings } = await stack.vault.expect("POST", `${pathOf("unchecked")}/check`, {});
  expect(findings).toMatchObject([{ check: "sink", ok: false }]);
});
