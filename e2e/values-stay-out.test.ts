// P5: values are in Vault, in a sink's memory for one operation, and in Key Vault: nowhere else. Distinctive values are
// planted as secrets, then looked for in everything that any process of the system has written, and in what it serves.
import { Canary, eventually, type Stack, STACK_MOUNT, startStack, VaultApi } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { liveSecrets } from "./support/emulated-vault.ts";
import { runFolder } from "./support/run-folder.ts";
import { associate, createDestination, rows } from "./support/sync-api.ts";

let folder: Awaited<ReturnType<typeof runFolder>>;
let stack: Stack;

beforeAll(async () => {
  folder = await runFolder();
  stack = await startStack({ dir: folder.path, logLevel: "debug", redisPersistent: true });
});

afterAll(async () => {
  await stack.stop();
  await folder[Symbol.asyncDispose]();
});

test("P5: a value is in no file, log, message, metric or answer, also when its write fails", async () => {
  const canary = new Canary();
  const clientSecret = canary.value("client-secret");
  const source = new VaultApi(stack.openbao.url, stack.openbao.rootToken);
  await createDestination(stack, "canary");
  const first = canary.value("first");
  await source.putSecret(STACK_MOUNT, "canary", { password: first });
  await associate(stack, "canary", "canary");
  await arrives(first);

  // A reset after the value was sent: the SDK's error holds the request's body (hazard error-carries-the-body).
  await stack.keyVault.control("POST", "faults", {
    fault: { kind: "reset-after" },
    operations: ["set"],
    count: 1,
  });
  const lost = canary.value("lost-answer");
  await source.putSecret(STACK_MOUNT, "canary", { password: lost });
  await arrives(lost);
  await stack.keyVault.control("POST", "faults", {
    fault: { kind: "error", status: 500 },
    operations: ["set"],
    count: 1,
  });
  const failed = canary.value("failed");
  await source.putSecret(STACK_MOUNT, "canary", { password: failed });
  await arrives(failed);
  // A credential that Entra refuses.
  await createDestination(stack, "canary-refused", {
    client_secret: clientSecret,
    skip_connection_check: true,
  });
  await source.putSecret(STACK_MOUNT, "unauthorised", { password: canary.value("unauthorised") });
  await associate(stack, "canary-refused", "unauthorised");
  await eventually(async () => (await rows(stack, "canary-refused"))[0]?.sync_status, {
    what: "the refusal to be told",
    until: (status) => status === "CLIENT_SIDE_ERROR",
  });

  const served = await Promise.all(Object.values(stack.services).map((service) => service.metrics()));
  served.push(JSON.stringify(await rows(stack, "canary")));
  served.push(
    JSON.stringify(await stack.vault.expect("GET", "sys/sync/destinations/azure-kv/canary-refused")),
  );
  expect(served.flatMap((text) => canary.searchText(text, "served"))).toEqual([]);
  expect(await canary.searchFiles(folder.path)).toEqual([]);
  // The search can find: a file that holds one is reported.
  expect(canary.searchText(`x${first}x`).length).toBeGreaterThan(0);
});

async function arrives(password: string): Promise<void> {
  await eventually(async () => [...(await liveSecrets(stack, "canary")).values()].map(({ value }) => value), {
    what: "the value in Key Vault",
    until: (values) => values.includes(JSON.stringify({ password })),
    timeoutMs: 60_000,
  });
}
