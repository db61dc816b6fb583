// The main job on the whole system as processes: what happens to a secret and its associations at the source is what
// Key Vault shows. Judged by the emulator's state and log.
import { eventually, type Stack, STACK_MOUNT, startStack, VaultApi } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { counters, effects, liveSecrets } from "./support/emulated-vault.ts";
import { runFolder } from "./support/run-folder.ts";
import { associate, createDestination, dissociate, rows } from "./support/sync-api.ts";

let folder: Awaited<ReturnType<typeof runFolder>>;
let stack: Stack;
let source: VaultApi;

beforeAll(async () => {
  folder = await runFolder();
  stack = await startStack({
    dir: folder.path,
    keyVault: {
      softDelete: { deletingMs: 300, recoverReadableMs: 100, recoverWritableMs: 500, purgingMs: 300 },
    },
  });
  source = new VaultApi(stack.openbao.url, stack.openbao.rootToken);
});

afterAll(async () => {
  await stack.stop();
  await folder[Symbol.asyncDispose]();
});

const holds = (
  vault: string,
  name: string,
  data: Readonly<Record<string, unknown>> | undefined,
): Promise<unknown> =>
  eventually(async () => (await liveSecrets(stack, vault)).get(name)?.value ?? "nothing", {
    what: `${vault}/${name}`,
    until: (value) => value === (data === undefined ? "nothing" : JSON.stringify(data)),
  });

const hasStatus = (destination: string, secret: string, status: string): Promise<unknown> =>
  eventually(
    async () => (await rows(stack, destination)).find((row) => row.secret_name === secret)?.sync_status,
    {
      what: `the status of ${secret}`,
      until: (found) => found === status,
    },
  );

test("a secret that is associated, changed and deleted is in Key Vault what it is at the source", async () => {
  await createDestination(stack, "main-job");
  await source.putSecret(STACK_MOUNT, "app-db", { password: "one" });
  await associate(stack, "main-job", "app-db");
  await holds("main-job", "app-db", { password: "one" });
  await hasStatus("main-job", "app-db", "SYNCED");

  await source.putSecret(STACK_MOUNT, "app-db", { password: "two" });
  await holds("main-job", "app-db", { password: "two" });
  const versions = (await liveSecrets(stack, "main-job")).get("app-db")?.versions;
  expect(versions).toHaveLength(2);

  await source.deleteSecret(STACK_MOUNT, "app-db");
  // The highest live version takes its place, as Vault 1.21.2 documents.
  await holds("main-job", "app-db", { password: "one" });
  await source.expect("POST", `${STACK_MOUNT}/delete/app-db`, { versions: [1] });
  await holds("main-job", "app-db", undefined);
  await hasStatus("main-job", "app-db", "UNSYNCED");
});

test("a deleted version that is undeleted is synced again, through Key Vault's soft delete", async () => {
  await createDestination(stack, "undelete");
  await source.putSecret(STACK_MOUNT, "undeleted", { a: "1" });
  await associate(stack, "undelete", "undeleted");
  await holds("undelete", "undeleted", { a: "1" });
  await source.deleteSecret(STACK_MOUNT, "undeleted");
  await holds("undelete", "undeleted", undefined);
  await source.expect("POST", `${STACK_MOUNT}/undelete/undeleted`, { versions: [1] });
  await holds("undelete", "undeleted", { a: "1" });
  await hasStatus("undelete", "undeleted", "SYNCED");
});

test("removing an association deletes there, and setting it anew brings it back", async () => {
  await createDestination(stack, "remove");
  await source.putSecret(STACK_MOUNT, "removed", { a: "1" });
  await associate(stack, "remove", "removed");
  await holds("remove", "removed", { a: "1" });
  await dissociate(stack, "remove", "removed");
  await holds("remove", "removed", undefined);
  expect(await rows(stack, "remove")).toEqual([]);
  await associate(stack, "remove", "removed");
  await holds("remove", "removed", { a: "1" });
});

test("one secret goes to each destination that it is associated with", async () => {
  for (const name of ["fan-one", "fan-two"]) await createDestination(stack, name);
  await source.putSecret(STACK_MOUNT, "fanned", { a: "1" });
  for (const name of ["fan-one", "fan-two"]) await associate(stack, name, "fanned");
  await source.putSecret(STACK_MOUNT, "fanned", { a: "2" });
  for (const name of ["fan-one", "fan-two"]) await holds(name, "fanned", { a: "2" });
});

test("deleting all metadata unsyncs, the association stays, and a path that is made anew syncs again", async () => {
  await createDestination(stack, "metadata");
  await source.putSecret(STACK_MOUNT, "reborn", { a: "1" });
  await associate(stack, "metadata", "reborn");
  await holds("metadata", "reborn", { a: "1" });
  await source.expect("DELETE", `${STACK_MOUNT}/metadata/reborn`);
  await holds("metadata", "reborn", undefined);
  await hasStatus("metadata", "reborn", "UNSYNCED");
  await source.putSecret(STACK_MOUNT, "reborn", { a: "2" });
  await holds("metadata", "reborn", { a: "2" });
});

test("P3: a name that somebody else made is refused, said so, and left as it is", async () => {
  await createDestination(stack, "foreign");
  await stack.keyVault.control("POST", "secrets", { vault: "foreign", name: "theirs", value: "not ours" });
  await source.putSecret(STACK_MOUNT, "theirs", { a: "1" });
  await associate(stack, "foreign", "theirs");
  await hasStatus("foreign", "theirs", "CLIENT_SIDE_ERROR");
  const live = (await liveSecrets(stack, "foreign")).get("theirs");
  expect(live?.value).toBe("not ours");
  expect(live?.versions).toHaveLength(1);
}, 60_000);

test("secret-key: each top-level key is an external secret of its own", async () => {
  await createDestination(stack, "by-key", {
    granularity: "secret-key",
    secret_name_template: "{{ .SecretPath }}-{{ .SecretKey }}",
  });
  await source.putSecret(STACK_MOUNT, "multi", { user: "ann", port: 5432 });
  await associate(stack, "by-key", "multi");
  await eventually(
    async () => [...(await liveSecrets(stack, "by-key"))].map(([name, { value }]) => [name, value]),
    {
      what: "two external secrets",
      until: (found) => found.length === 2,
    },
  );
  const live = await liveSecrets(stack, "by-key");
  expect(live.get("multi-user")?.value).toBe("ann");
  expect(live.get("multi-port")?.value).toBe("5432");
});

test("P4: a change that concerns the metadata alone makes no version in Key Vault", async () => {
  await createDestination(stack, "metadata-only");
  await source.putSecret(STACK_MOUNT, "noted", { a: "1" });
  await associate(stack, "metadata-only", "noted");
  await holds("metadata-only", "noted", { a: "1" });
  await source.expect("POST", `${STACK_MOUNT}/metadata/noted`, { custom_metadata: { owner: "ann" } });
  // What comes after it has overtaken it: when that is there, the metadata change has been seen to.
  await source.putSecret(STACK_MOUNT, "noted", { a: "2" });
  await holds("metadata-only", "noted", { a: "2" });
  expect((await liveSecrets(stack, "metadata-only")).get("noted")?.versions).toHaveLength(2);
});

test("P5: no request of all these carried a value without a token", async () => {
  expect(await counters(stack)).toMatchObject({ leaks: 0 });
  expect((await effects(stack, "main-job")).length).toBeGreaterThan(0);
});
