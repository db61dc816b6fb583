// HashiCorp's tutorial for the Azure Key Vault destination with the real `bao` command at the gateway, as README types
// it. What the command prints is compared with the documented shapes field by field; what happened is read in Key Vault.
import { DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_TENANT_ID } from "@keyferry/key-vault-emulator";
import { eventually, type Stack, STACK_MOUNT, startStack } from "@keyferry/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BaoShell, openBaoShell } from "./support/bao.ts";
import { type EmulatedSecret, liveSecrets } from "./support/emulated-vault.ts";
import { commandsBelow } from "./support/readme-commands.ts";
import { runFolder } from "./support/run-folder.ts";

const ONE = "sys/sync/destinations/azure-kv/my-azure-2";
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;
// The envelope as the command prints it; each answer has these fields and `data`, no others.
const ENVELOPE = {
  request_id: expect.stringMatching(/^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/) as string,
  lease_id: "",
  lease_duration: 0,
  renewable: false,
  warnings: null,
};

let folder: Awaited<ReturnType<typeof runFolder>>;
let stack: Stack;
let bao: BaoShell;
let accessor: string;

beforeAll(async () => {
  folder = await runFolder();
  stack = await startStack({
    dir: folder.path,
    makeMount: false,
    keyVault: {
      softDelete: { deletingMs: 300, recoverReadableMs: 100, recoverWritableMs: 500, purgingMs: 300 },
    },
  });
  const { address } = stack.vault;
  bao = await openBaoShell(folder.path, { address, token: stack.openbao.rootToken, format: "json" });
  await bao.run(`bao secrets enable -path=${STACK_MOUNT} -version=2 kv`);
  const { data } = (await bao.json(`bao read sys/mounts/${STACK_MOUNT}`)) as { data: { accessor: string } };
  accessor = data.accessor;
});

afterAll(async () => {
  await stack.stop();
  await folder[Symbol.asyncDispose]();
});

/** Waits until the vault holds this value (nothing, if it is undefined) under the name and gives what is there. */
async function holds(
  vault: string,
  name: string,
  data: Readonly<Record<string, string>> | undefined,
): Promise<EmulatedSecret | undefined> {
  const value = data === undefined ? undefined : JSON.stringify(data);
  await eventually(async () => (await liveSecrets(stack, vault)).get(name)?.value ?? "nothing", {
    what: `${vault}/${name}`,
    until: (found) => found === (value ?? "nothing"),
    timeoutMs: 60_000,
  });
  return (await liveSecrets(stack, vault)).get(name);
}

/** The answer's `data`; the envelope around it must be the documented one. */
function dataOf(answer: unknown): Record<string, unknown> {
  const { data, ...rest } = answer as Record<string, unknown>;
  expect(rest).toEqual(ENVELOPE);
  return data as Record<string, unknown>;
}

/** The fields that Vault documents of a row; Keyferry's own beside them are left out. */
function documentedRow(row: Record<string, unknown>): Record<string, unknown> {
  const { accessor: of, mount, secret_name, sub_key, sync_status, updated_at } = row;
  return { accessor: of, mount, secret_name, sub_key, sync_status, updated_at };
}

function rowOf(data: Record<string, unknown>, secret: string): Record<string, unknown> | undefined {
  return (data["associated_secrets"] as Record<string, Record<string, unknown>>)[`${accessor}/${secret}`];
}

const syncedRow = async (destination: string, secret: string): Promise<Record<string, unknown>> =>
  await eventually(
    async () => {
      const answer = await bao.json(`bao read sys/sync/destinations/azure-kv/${destination}/associations`);
      return rowOf(dataOf(answer), secret);
    },
    { what: `${secret} to be SYNCED`, until: (row) => row?.["sync_status"] === "SYNCED" },
  );

const expectedDestination = (name: string) => ({
  name,
  type: "azure-kv",
  connection_details: {
    key_vault_uri: `https://${name}.vault.azure.net`,
    tenant_id: DEFAULT_TENANT_ID,
    client_id: DEFAULT_CLIENT_ID,
    client_secret: "*****",
  },
  options: {
    granularity_level: "secret-path",
    secret_name_template: 'vault-{{ .MountAccessor | replace "_" "-" }}-{{ .SecretPath }}',
    custom_tags: {},
  },
});

describe("README's tutorial, typed as it stands", () => {
  const expectedCommands = [
    "export VAULT_ADDR=http://127.0.0.1:PORT VAULT_TOKEN=root",
    "bao write -f sys/activation-flags/secrets-sync/activate",
    `bao write ${ONE} key_vault_uri=https://my-azure-2.vault.azure.net ` +
      `tenant_id=${DEFAULT_TENANT_ID} client_id=${DEFAULT_CLIENT_ID} client_secret=${DEFAULT_CLIENT_SECRET}`,
    "bao kv put -mount=my-kv my-secret-2 foo=bar",
    `bao write ${ONE}/associations/set mount=my-kv secret_name=my-secret-2`,
    `bao read ${ONE}/associations`,
    "bao list sys/sync/destinations",
    "bao list sys/sync/associations",
    "bao kv put -mount=my-kv my-secret-2 foo=baz",
    "bao kv delete -mount=my-kv my-secret-2",
    "bao kv undelete -mount=my-kv -versions=2 my-secret-2",
    `bao write ${ONE}/associations/remove mount=my-kv secret_name=my-secret-2`,
    `bao delete ${ONE} purge=true`,
  ] as const;
  let external = "";
  // Each test types the next commands, in README's words; the first compares all of them with what is expected here.
  let typed = 0;
  const next = async (count = 1): Promise<string> => {
    let out = "";
    for (let left = count; left > 0; left -= 1) {
      typed += 1;
      const line = (await commandsBelow("HashiCorp's tutorial, on it"))[typed];
      if (line === undefined) throw new Error("README's tutorial has no more commands");
      out = await bao.run(line);
    }
    return out;
  };

  test("the commands are those that the following tests judge", async () => {
    expect(await commandsBelow("HashiCorp's tutorial, on it")).toEqual(expectedCommands);
  });

  test("activating the feature gives the two lists of flags", async () => {
    expect(dataOf(JSON.parse(await next()))).toEqual({ activated: ["secrets-sync"], unactivated: [] });
  });

  test("writing the destination gives what a read gives, with the secret masked and what is unset left out", async () => {
    const written = dataOf(JSON.parse(await next()));
    expect(written).toMatchObject(expectedDestination("my-azure-2"));
    const details = Object.keys(written["connection_details"] as object).sort();
    expect(details).toEqual(["client_id", "client_secret", "key_vault_uri", "tenant_id"]);
    expect(written).not.toHaveProperty("purge_initiated_at");
    expect(written).not.toHaveProperty("purge_error");
    expect(dataOf(await bao.json(`bao read ${ONE}`))).toEqual(written);
  });

  test("putting the secret and associating it shows the row at once and the value in Key Vault", async () => {
    await next();
    const answer = dataOf(JSON.parse(await next()));
    expect(answer).toMatchObject({ store_name: "my-azure-2", store_type: "azure-kv" });
    expect(Object.keys(answer).sort()).toEqual(["associated_secrets", "store_name", "store_type"]);
    expect(documentedRow(rowOf(answer, "my-secret-2") ?? {})).toEqual({
      accessor,
      mount: "my-kv",
      secret_name: "my-secret-2",
      sub_key: "",
      sync_status: expect.stringMatching(/^(?:PENDING|SYNCED)$/) as string,
      updated_at: expect.stringMatching(RFC_3339) as string,
    });
    external = `vault-${accessor.replace("_", "-")}-my-secret-2`;
    const secret = await holds("my-azure-2", external, { foo: "bar" });
    expect(secret?.versions).toHaveLength(1);
  });

  test("reading the associations gives the documented row, SYNCED", async () => {
    await syncedRow("my-azure-2", "my-secret-2");
    const answer = dataOf(JSON.parse(await next()));
    expect(answer).toMatchObject({ store_name: "my-azure-2", store_type: "azure-kv" });
    expect(Object.keys(answer["associated_secrets"] as object)).toEqual([`${accessor}/my-secret-2`]);
    expect(documentedRow(rowOf(answer, "my-secret-2") ?? {})).toEqual({
      accessor,
      mount: "my-kv",
      secret_name: "my-secret-2",
      sub_key: "",
      sync_status: "SYNCED",
      updated_at: expect.stringMatching(RFC_3339) as string,
    });
  });

  test("the lists name the destination's type and the secret", async () => {
    expect(JSON.parse(await next())).toEqual(["azure-kv/"]);
    expect(JSON.parse(await next())).toEqual(["my-kv/my-secret-2"]);
    // What the command leaves out when it lists.
    expect(await stack.vault.expect("GET", "sys/sync/destinations?list=true")).toEqual({
      key_info: { "azure-kv/": ["my-azure-2"] },
      keys: ["azure-kv/"],
      total_destinations: 1,
    });
    expect(await stack.vault.expect("GET", "sys/sync/destinations/azure-kv?list=true")).toEqual({
      keys: ["my-azure-2"],
      total_destinations: 1,
    });
    expect(await stack.vault.expect("GET", "sys/sync/associations?list=true")).toEqual({
      key_info: { "my-kv/my-secret-2": [{ mount: "my-kv/", secret_path: "my-secret-2" }] },
      keys: ["my-kv/my-secret-2"],
      total_associations: 1,
      total_secrets: 1,
    });
  });

  test("the destinations of the secret are found by its mount and name", async () => {
    const answer = await bao.json(
      "bao read sys/sync/associations/destinations mount=my-kv secret_name=my-secret-2",
    );
    const { associated_destinations: found } = dataOf(answer) as {
      associated_destinations: Record<string, Record<string, unknown>>;
    };
    expect(Object.keys(found)).toEqual(["azure-kv/my-azure-2"]);
    const { type, name, sync_status, updated_at } = found["azure-kv/my-azure-2"] ?? {};
    expect({ type, name, sync_status }).toEqual({
      type: "azure-kv",
      name: "my-azure-2",
      sync_status: "SYNCED",
    });
    expect(updated_at).toMatch(RFC_3339);
  });

  test("a new version of the secret becomes the next version in Key Vault", async () => {
    await next();
    const secret = await holds("my-azure-2", external, { foo: "baz" });
    expect(secret?.versions).toHaveLength(2);
  });

  test("deleting the new version brings the one before it back, and undeleting gives it again", async () => {
    await next();
    await holds("my-azure-2", external, { foo: "bar" });
    await next();
    await holds("my-azure-2", external, { foo: "baz" });
    await syncedRow("my-azure-2", "my-secret-2");
  });

  test("removing the association deletes the secret in Key Vault and leaves the one at the source", async () => {
    const answer = dataOf(JSON.parse(await next()));
    expect(answer).toMatchObject({ store_name: "my-azure-2", store_type: "azure-kv" });
    expect(rowOf(answer, "my-secret-2")?.["sync_status"] ?? "UNSYNCED").toBe("UNSYNCED");
    await holds("my-azure-2", external, undefined);
    const kept = dataOf(await bao.json("bao kv get -mount=my-kv my-secret-2"));
    expect(kept["data"]).toEqual({ foo: "baz" });
  });

  test("deleting the destination leaves nothing to read or to list", async () => {
    await next();
    expect((await commandsBelow("HashiCorp's tutorial, on it")).length).toBe(typed + 1);
    await eventually(async () => (await bao.type(`bao read ${ONE}`)).err, {
      what: "the destination to be gone",
      until: (err) => err.includes(`No value found at ${ONE}`),
    });
    for (const list of ["destinations", "associations"]) {
      const { code, out } = await bao.type(`bao list sys/sync/${list}`);
      expect({ code, out: out.trim() }).toEqual({ code: 2, out: "{}" });
      expect(await stack.vault.call("GET", `sys/sync/${list}?list=true`)).toEqual({
        status: 404,
        body: { errors: [] },
      });
    }
  });
});

test("deleting all versions of a secret unsyncs it, says UNSYNCED, and undelete syncs it again", async () => {
  await bao.run(writeDestination("undelete"));
  await bao.run("bao kv put -mount=my-kv only-version a=1");
  await bao.run(setAssociation("undelete", "only-version"));
  const external = `vault-${accessor.replace("_", "-")}-only-version`;
  await holds("undelete", external, { a: "1" });

  await bao.run("bao kv delete -mount=my-kv only-version");
  await holds("undelete", external, undefined);
  await eventually(
    async () => {
      const answer = await bao.json("bao read sys/sync/destinations/azure-kv/undelete/associations");
      return rowOf(dataOf(answer), "only-version")?.["sync_status"];
    },
    { what: "UNSYNCED", until: (status) => status === "UNSYNCED" },
  );

  await bao.run("bao kv undelete -mount=my-kv -versions=1 only-version");
  await holds("undelete", external, { a: "1" });
  await syncedRow("undelete", "only-version");
});

test("a destination with an association is deleted with purge alone, which unsyncs first and says since when", async () => {
  const one = "sys/sync/destinations/azure-kv/purged";
  await bao.run(writeDestination("purged"));
  await bao.run("bao kv put -mount=my-kv purged-secret a=1");
  await bao.run(setAssociation("purged", "purged-secret"));
  const external = `vault-${accessor.replace("_", "-")}-purged-secret`;
  await holds("purged", external, { a: "1" });

  const refused = await bao.type(`bao delete ${one}`);
  expect(refused.code).toBe(2);
  expect(refused.err).toMatch(/Code: 400.*associat/s);

  // While Key Vault does not answer, the purge can't end, so what it looks like meanwhile can be seen.
  await stack.keyVault.pause();
  try {
    await bao.run(`bao delete ${one} purge=true`);
    const during = dataOf(await bao.json(`bao read ${one}`));
    expect(during).toMatchObject(expectedDestination("purged"));
    expect(during["purge_initiated_at"]).toMatch(RFC_3339);
    const set = await bao.type(setAssociation("purged", "purged-secret"));
    expect(set.code).toBe(2);
    expect(set.err).toContain("purge in progress");
  } finally {
    await stack.keyVault.resume();
  }
  await holds("purged", external, undefined);
  await eventually(async () => (await bao.type(`bao read ${one}`)).code, {
    what: "the destination to be gone",
    until: (code) => code === 2,
    timeoutMs: 60_000,
  });
});

test("a patch from the command changes what it names and keeps the rest", async () => {
  const one = "sys/sync/destinations/azure-kv/patched";
  await bao.run(`${writeDestination("patched")} custom_tags=team=core custom_tags=env=dev`);
  const patched = dataOf(await bao.json(`bao patch ${one} granularity=secret-key tags_to_remove=env`));
  expect(patched["connection_details"]).toEqual(expectedDestination("patched").connection_details);
  expect(patched["options"]).toMatchObject({
    granularity_level: "secret-key",
    custom_tags: { team: "core" },
  });
});

function writeDestination(name: string): string {
  return (
    `bao write sys/sync/destinations/azure-kv/${name} key_vault_uri=https://${name}.vault.azure.net ` +
    `tenant_id=${DEFAULT_TENANT_ID} client_id=${DEFAULT_CLIENT_ID} client_secret=${DEFAULT_CLIENT_SECRET}`
  );
}

function setAssociation(destination: string, secret: string): string {
  return `bao write sys/sync/destinations/azure-kv/${destination}/associations/set mount=my-kv secret_name=${secret}`;
}
