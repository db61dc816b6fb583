// Proves that all three services work by logins of their own, with the policies of deploy/policies: past the end of their
// first leases, and after their tokens were revoked.
import { readFile } from "node:fs/promises";
import { eventually, type Stack, STACK_MOUNT, startStack, VaultApi } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { liveSecrets } from "./support/emulated-vault.ts";
import { runFolder } from "./support/run-folder.ts";
import { associate, createDestination } from "./support/sync-api.ts";

let folder: Awaited<ReturnType<typeof runFolder>>;
let stack: Stack;
let source: VaultApi;

beforeAll(async () => {
  folder = await runFolder();
  stack = await startStack({ dir: folder.path, loginLeaseS: 3 });
  source = new VaultApi(stack.openbao.url, stack.openbao.rootToken);
});

afterAll(async () => {
  await stack.stop();
  await folder[Symbol.asyncDispose]();
});

const holds = (password: string): Promise<unknown> =>
  eventually(async () => (await liveSecrets(stack, "by-login")).get("app-db")?.value ?? "nothing", {
    what: `the value ${password} in Key Vault`,
    until: (value) => value === JSON.stringify({ password }),
  });

/** Calls in the source's audit file, each of which stands there twice. */
async function callsOf(path: string): Promise<number> {
  const lines = (await readFile(stack.openbao.auditFile, "utf8")).split("\n");
  return lines.filter((line) => line.includes(`"path":"${path}"`)).length / 2;
}

test("the main job goes on past the first leases, and after every token was revoked", async () => {
  await createDestination(stack, "by-login");
  await source.putSecret(STACK_MOUNT, "app-db", { password: "one" });
  await associate(stack, "by-login", "app-db");
  await holds("one");

  const renewals = await callsOf("auth/token/renew-self");
  await eventually(() => callsOf("auth/token/renew-self"), {
    what: "each service to have renewed its token twice",
    until: (now) => now >= renewals + 6,
  });
  await source.putSecret(STACK_MOUNT, "app-db", { password: "two" });
  await holds("two");

  const logins = await callsOf("auth/approle/login");
  await source.expect("POST", "sys/leases/revoke-force/auth/approle", {});
  await source.putSecret(STACK_MOUNT, "app-db", { password: "three" });
  await holds("three");
  await eventually(() => callsOf("auth/approle/login"), {
    what: "a new login of each service",
    until: (now) => now >= logins + 3,
  });
  expect(await stack.services["azure-sink"].isReady()).toBe(true);
});
