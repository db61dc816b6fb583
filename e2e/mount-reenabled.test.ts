// Hazard mount-reenabled on the whole system as processes: nothing in Key Vault moves until a person confirms; then each
// association goes on under the new mount, its external secret written over, never deleted. Judged by the emulator's log.
import { eventually, type Stack, STACK_MOUNT, startStack, VaultApi } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { effects, liveSecrets } from "./support/emulated-vault.ts";
import { runFolder } from "./support/run-folder.ts";
import { createDestination, rows } from "./support/sync-api.ts";

const VAULT = "reenabled";
const MOUNT = STACK_MOUNT;

let folder: Awaited<ReturnType<typeof runFolder>>;
let stack: Stack;
let source: VaultApi;

beforeAll(async () => {
  folder = await runFolder();
  stack = await startStack({ dir: folder.path });
  source = new VaultApi(stack.openbao.url, stack.openbao.rootToken);
});

afterAll(async () => {
  await stack.stop();
  await folder[Symbol.asyncDispose]();
});

const enable = async (): Promise<void> => {
  await source.expect("POST", `sys/mounts/${MOUNT}`, { type: "kv", options: { version: "2" } });
  await eventually(async () => (await source.call("GET", `${MOUNT}/config`)).status === 200, {
    what: "the mount to answer",
  });
};

const valueIs = (value: string): Promise<unknown> =>
  eventually(async () => (await liveSecrets(stack, VAULT)).get("app")?.value, {
    what: value,
    until: (found) => found === value,
    timeoutMs: 60_000,
  });

test("a mount that was disabled and enabled again, confirmed by a person, goes on without a gap", async () => {
  await createDestination(stack, VAULT);
  await source.putSecret(MOUNT, "app", { a: "before" });
  await stack.vault.expect("PUT", `sys/sync/destinations/azure-kv/${VAULT}/associations/set`, {
    mount: MOUNT,
    secret_name: "app",
  });
  await valueIs('{"a":"before"}');
  await source.expect("DELETE", `sys/mounts/${MOUNT}`);
  await enable();
  await source.putSecret(MOUNT, "app", { a: "after" });
  const change = await eventually(
    async () => {
      const { held } = await stack.vault.expect("GET", "sys/sync/source");
      const found = (held as { mount: string; change: { to: string } | null }[]).find(
        ({ mount }) => mount === MOUNT,
      );
      return found?.change ?? undefined;
    },
    { what: "the mount to be held", timeoutMs: 60_000 },
  );
  expect((await liveSecrets(stack, VAULT)).get("app")?.value).toBe('{"a":"before"}');
  await stack.vault.expect("POST", "sys/sync/source/confirm", {
    mount: MOUNT,
    to: change.to,
    reason: "rebuilt",
  });
  await valueIs('{"a":"after"}');
  await eventually(async () => (await rows(stack, VAULT))[0]?.sync_status, {
    what: "SYNCED",
    until: (status) => status === "SYNCED",
    timeoutMs: 30_000,
  });
  const kinds = (await effects(stack, VAULT)).filter(({ name }) => name === "app").map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind.includes("delete"))).toEqual([]);
  expect((await liveSecrets(stack, VAULT)).get("app")?.versions).toHaveLength(2);
});
