// The commands with which a person mends: drift, held deletes, rules, orphans. Each has something to mend here, and what
// they print is kept in e2e/transcripts, as by transcripts.test.ts.
import { eventually, type Stack, STACK_MOUNT, startStack, VaultApi } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deleteByHand, liveSecrets, writeByHand } from "./support/emulated-vault.ts";
import { keyferry, keyferryJson } from "./support/keyferry.ts";
import { runFolder } from "./support/run-folder.ts";
import { associate, createDestination, dissociate, rows } from "./support/sync-api.ts";
import { expectTranscriptOf } from "./support/transcript.ts";

let folder: Awaited<ReturnType<typeof runFolder>>;
let stack: Stack;
let source: VaultApi;

beforeAll(async () => {
  folder = await runFolder();
  stack = await startStack({
    dir: folder.path,
    settleIntervalS: 3_600,
    driftSettledS: 1,
    keyVault: { limits: "off", softDelete: "instant" },
  });
  source = new VaultApi(stack.openbao.url, stack.openbao.rootToken);
});

afterAll(async () => {
  await stack.stop();
  await folder[Symbol.asyncDispose]();
});

const expectTranscript = (name: string, lines: readonly (readonly string[])[]): Promise<void> =>
  expectTranscriptOf(stack, name, lines);

const synced = (destination: string, secret: string): Promise<unknown> =>
  eventually(
    async () =>
      (await rows(stack, destination)).find(({ secret_name }) => secret_name === secret)?.sync_status,
    { what: `${secret} to be synced`, until: (status) => status === "SYNCED", timeoutMs: 60_000 },
  );

async function syncedSecrets(destination: string, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    await source.putSecret(STACK_MOUNT, name, { value: "one" });
    await associate(stack, destination, name);
    await synced(destination, name);
  }
}

/** Looks until the writes are old enough to be compared. */
const drifted = (destination: string, count: number): Promise<unknown> =>
  eventually(
    async () => {
      const { stdout } = await keyferry(stack, ["drift", "check", destination, "-o", "json"]);
      return (JSON.parse(stdout) as { findings: unknown[] }).findings.length;
    },
    { what: `${count} findings`, until: (found) => found === count, timeoutMs: 60_000 },
  );

test("drift: what is missing and what somebody edited is found, and mended when a person says so", async () => {
  await createDestination(stack, "kv-drift");
  await syncedSecrets("kv-drift", "app-db", "app-web", "app-right");
  await deleteByHand(stack, "kv-drift", "app-db");
  await writeByHand(stack, "kv-drift", "app-web", "by hand");
  await drifted("kv-drift", 2);
  await expectTranscript("drift-check", [
    ["drift", "check", "kv-drift"],
    ["drift", "check", "kv-drift", "-o", "json"],
    ["drift", "check", "kv-nothing"],
  ]);
  await expectTranscript("drift-report", [
    ["drift", "report", "kv-drift"],
    ["drift", "report", "kv-drift", "-o", "json"],
  ]);
  await expectTranscript("drift-repair", [["drift", "repair", "kv-drift"]]);
  for (const name of ["app-db", "app-web"]) {
    await eventually(async () => (await liveSecrets(stack, "kv-drift")).get(name)?.value, {
      what: `${name} to be mended`,
      until: (value) => value === '{"value":"one"}',
      timeoutMs: 60_000,
    });
    await synced("kv-drift", name);
  }
  await expectTranscript("drift-repair-again", [
    ["drift", "repair", "kv-drift", "-o", "json"],
    ["drift", "repair", "kv-drift"],
  ]);
}, 180_000);

test("orphans: a vault that was restored from a backup has what nobody wants, and an approval collects it", async () => {
  await createDestination(stack, "kv-orphan");
  await syncedSecrets("kv-orphan", "left-behind");
  const backup = await stack.keyVault.control("GET", "snapshot");
  await dissociate(stack, "kv-orphan", "left-behind");
  await eventually(async () => (await liveSecrets(stack, "kv-orphan")).size === 0, { what: "the delete" });
  await eventually(async () => (await rows(stack, "kv-orphan")).length === 0, { what: "no associations" });
  await stack.keyVault.control("PUT", "snapshot", backup);
  await drifted("kv-orphan", 1);
  await expectTranscript("orphans-list", [
    ["orphans", "list", "kv-orphan"],
    ["orphans", "list", "kv-orphan", "-o", "json"],
    ["orphans", "list", "kv-nothing"],
  ]);
  const { stdout } = await keyferry(stack, ["orphans", "list", "kv-orphan", "-o", "json"]);
  const { digest } = JSON.parse(stdout) as { digest: string };
  await expectTranscript("orphans-collect", [
    ["orphans", "collect", "kv-orphan", "--digest", "another"],
    ["orphans", "collect", "kv-orphan", "--digest", digest],
    ["orphans", "collect", "kv-orphan", "--digest", digest, "-o", "json"],
    ["orphans", "list", "kv-orphan"],
  ]);
  expect((await liveSecrets(stack, "kv-orphan")).size).toBe(0);
}, 180_000);

test("held deletes: listed, planned, and approved by the digest of what was looked at", async () => {
  await createDestination(stack, "kv-held", { delete_guard_minimum: 0, delete_guard_hourly_percent: 0 });
  await syncedSecrets("kv-held", "old-a", "old-b", "old-c");
  const held = (count: number): Promise<{ digest: string }> =>
    eventually(
      async () =>
        (await stack.vault.expect("GET", "sys/sync/held/azure-kv/kv-held")) as {
          digest: string;
          total: number;
        },
      { what: `${count} held deletes`, until: ({ total }) => total === count, timeoutMs: 60_000 },
    );
  for (const name of ["old-a", "old-b"]) await source.expect("DELETE", `${STACK_MOUNT}/metadata/${name}`);
  const { digest } = await held(2);
  await expectTranscript("held-list", [
    ["held", "list", "kv-held"],
    ["held", "list", "kv-held", "-o", "json"],
    ["held", "list", "kv-drift"],
  ]);
  await expectTranscript("plan-approval", [
    ["plan", "approval", "kv-held"],
    ["plan", "approval", "kv-held", "-o", "json"],
  ]);
  await expectTranscript("held-approve", [
    ["held", "approve", "kv-held", "--digest", "another"],
    ["held", "approve", "kv-held", "--digest", digest],
  ]);
  await eventually(async () => [...(await liveSecrets(stack, "kv-held")).keys()], {
    what: "the approved deletes",
    until: (names) => names.join() === "old-c",
    timeoutMs: 60_000,
  });
  await source.expect("DELETE", `${STACK_MOUNT}/metadata/old-c`);
  const next = await held(1);
  await expectTranscript("held-approve-json", [
    ["held", "approve", "kv-held", "--digest", next.digest, "-o", "json"],
  ]);
  await eventually(async () => (await liveSecrets(stack, "kv-held")).size === 0, {
    what: "the last delete",
    timeoutMs: 60_000,
  });
}, 180_000);

test("rules: set, listed, shown and removed", async () => {
  await createDestination(stack, "kv-rules");
  await source.putSecret(STACK_MOUNT, "team-a/app", { value: "one" });
  // Known to the service, so that the rule makes its association at once.
  const known = "sys/sync/status/secret?mount=my-kv&secret_name=team-a/app";
  await eventually(async () => (await stack.vault.call("GET", known)).status === 200, {
    what: "the secret to be seen",
    timeoutMs: 60_000,
  });
  await expectTranscript("rules-set", [
    ["rules", "set", "kv-rules", "team-a", "--mounts", STACK_MOUNT, "--paths", "team-a/**"],
    ["rules", "set", "kv-rules", "opted-in", "--mounts", "*", "--metadata", "sync=yes", "-o", "json"],
    ["rules", "set", "kv-rules", "team-a", "--mounts", STACK_MOUNT, "--paths", "team-a/**b"],
    ["rules", "set", "kv-rules", "team-a", "--mounts", STACK_MOUNT, "--metadata", "sync"],
    ["rules", "set", "kv-rules", "-x", "--mounts", STACK_MOUNT],
    ["rules", "set", "kv-nothing", "team-a", "--mounts", STACK_MOUNT],
  ]);
  await eventually(async () => (await liveSecrets(stack, "kv-rules")).size, {
    what: "the rule's secret in Key Vault",
    until: (size) => size === 1,
    timeoutMs: 60_000,
  });
  await eventually(
    async () => (await keyferryJson(stack, ["rules", "show", "kv-rules", "team-a"]))["associations"],
    { what: "the rule's association", until: (count) => count === 1 },
  );
  await expectTranscript("rules-list", [
    ["rules", "list"],
    ["rules", "list", "kv-rules", "-o", "json"],
    ["rules", "list", "kv-nothing"],
  ]);
  await expectTranscript("rules-show", [
    ["rules", "show", "kv-rules", "team-a"],
    ["rules", "show", "kv-rules", "opted-in", "-o", "json"],
    ["rules", "show", "kv-rules", "nothing"],
  ]);
  await expectTranscript("rules-remove", [
    ["rules", "remove", "kv-rules", "team-a"],
    ["rules", "remove", "kv-rules", "opted-in", "-o", "json"],
    ["rules", "remove", "kv-rules", "team-a"],
  ]);
  await eventually(async () => (await liveSecrets(stack, "kv-rules")).size === 0, {
    what: "the rule's secret to go",
    timeoutMs: 60_000,
  });
}, 180_000);
