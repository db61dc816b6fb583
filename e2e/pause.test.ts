// Pausing on the whole system as processes: while it lasts nothing is written to Key Vault, changes are accepted and say
// that they wait, and a resume brings the latest of them. Judged by the emulator's state.
import { eventually, type Stack, STACK_MOUNT, startStack, VaultApi } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { liveSecrets } from "./support/emulated-vault.ts";
import { runFolder } from "./support/run-folder.ts";
import { associate, createDestination, dissociate, rows } from "./support/sync-api.ts";

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

const valueOf = async (vault: string, name: string) => (await liveSecrets(stack, vault)).get(name)?.value;
const holds = (vault: string, name: string, value: string | undefined): Promise<unknown> =>
  eventually(async () => ({ value: await valueOf(vault, name) }), {
    what: `${vault}/${name}`,
    until: (found) => found.value === value,
  });
const says = (destination: string, secret: string, reason: RegExp): Promise<unknown> =>
  eventually(
    async () => (await rows(stack, destination)).find((row) => row.secret_name === secret)?.reason ?? "",
    { what: `the reason of ${secret}`, until: (found) => reason.test(found) },
  );

test("disabled=true stops all writes and accepts all changes; disabled=false brings the latest state", async () => {
  await createDestination(stack, "disabled");
  for (const secret of ["changed", "removed"]) {
    await source.putSecret(STACK_MOUNT, secret, { n: "1" });
    await associate(stack, "disabled", secret);
    await holds("disabled", secret, '{"n":"1"}');
    await says("disabled", secret, /^synced$/);
  }
  const on = await stack.vault.expect("PATCH", "sys/sync/config", { disabled: "true" });
  expect(on["disabled"]).toBe(true);
  await says("disabled", "changed", /^synced; paused since/);
  for (const n of ["2", "3"]) await source.putSecret(STACK_MOUNT, "changed", { n });
  await source.putSecret(STACK_MOUNT, "new", { n: "1" });
  await associate(stack, "disabled", "new");
  await dissociate(stack, "disabled", "removed");
  await says("disabled", "changed", /^paused:/);
  await says("disabled", "new", /^paused:/);
  const { status } = await stack.vault.call("DELETE", "sys/sync/destinations/azure-kv/disabled?purge=true");
  expect(status).toBe(400);
  expect(await valueOf("disabled", "changed")).toBe('{"n":"1"}');
  expect(await valueOf("disabled", "removed")).toBe('{"n":"1"}');
  expect(await valueOf("disabled", "new")).toBeUndefined();

  await stack.vault.expect("PATCH", "sys/sync/config", { disabled: "false" });
  await holds("disabled", "changed", '{"n":"3"}');
  await holds("disabled", "new", '{"n":"1"}');
  await holds("disabled", "removed", undefined);
  await says("disabled", "changed", /^synced$/);
});

test("a paused destination and a paused secret wait; their neighbours do not", async () => {
  for (const name of ["waits", "goes-on"]) await createDestination(stack, name);
  for (const secret of ["one", "two"]) {
    await source.putSecret(STACK_MOUNT, secret, { n: "1" });
    for (const name of ["waits", "goes-on"]) await associate(stack, name, secret);
    for (const name of ["waits", "goes-on"]) await holds(name, secret, '{"n":"1"}');
  }
  await stack.vault.expect("POST", "sys/sync/pause", { destination: "waits", reason: "a rehearsal" });
  await stack.vault.expect("POST", "sys/sync/pause", {
    destination: "goes-on",
    mount: STACK_MOUNT,
    secret_name: "one",
  });
  for (const secret of ["one", "two"]) await source.putSecret(STACK_MOUNT, secret, { n: "2" });
  await holds("goes-on", "two", '{"n":"2"}');
  await says("waits", "one", /^paused: .*a rehearsal/);
  await says("goes-on", "one", /^paused:/);
  expect(await valueOf("waits", "one")).toBe('{"n":"1"}');
  expect(await valueOf("goes-on", "one")).toBe('{"n":"1"}');

  await stack.vault.expect("POST", "sys/sync/resume", { destination: "waits" });
  await holds("waits", "one", '{"n":"2"}');
  await holds("waits", "two", '{"n":"2"}');
  await stack.vault.expect("POST", "sys/sync/resume", { mount: STACK_MOUNT, secret_name: "one" });
  await holds("goes-on", "one", '{"n":"2"}');
});
