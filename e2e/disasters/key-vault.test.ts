// docs/operations/key-vault.md: a vault that is gone, a credential that has expired, and an Azure that throttles for a
// long time. Each waits and goes on by itself once it is mended; nothing is written twice (P1, P4, P6).
import { DEFAULT_CLIENT_SECRET } from "@keyferry/key-vault-emulator";
import { expect, test } from "vitest";
import { FIRST, startDisaster } from "../support/disaster.ts";
import { counters, liveSecrets } from "../support/emulated-vault.ts";
import { keyferry } from "../support/keyferry.ts";

test("a vault whose secrets were all deleted is filled again from the source", async () => {
  await using disaster = await startDisaster("vault-deleted");
  const { stack } = disaster;
  await stack.keyVault.control("POST", "reset", { state: true });
  expect((await liveSecrets(stack, disaster.vault)).size).toBe(0);
  await disaster.change("app-one", "second");
  await disaster.inStep({ "app-one": "second" });
}, 180_000);

test("an expired client secret: its destination waits with the cure, and goes on with the new one", async () => {
  await using disaster = await startDisaster("expired");
  const { stack } = disaster;
  // Tokens that were given out are gone, too.
  await stack.keyVault.control("POST", "token", { revokeAll: true });
  const fault = (await stack.keyVault.control("POST", "faults", {
    fault: { kind: "error", status: 401, code: "invalid_client" },
    operations: ["token"],
  })) as { id: string };
  await disaster.change("app-one", "second");
  await disaster.hasStatus("app-one", "CLIENT_SIDE_ERROR");
  const { stdout } = await keyferry(stack, ["doctor"]);
  expect(stdout).toMatch(/expired: 1 secret out of step: vault-credential/);
  await disaster.expectWritten(3);
  await stack.keyVault.control("DELETE", `faults/${fault.id}`);
  await stack.vault.call("PATCH", "sys/sync/destinations/azure-kv/expired", {
    client_secret: DEFAULT_CLIENT_SECRET,
  });
  await disaster.inStep({ ...FIRST, "app-one": "second" }, 120_000);
  await disaster.expectWritten(4);
}, 240_000);

test("throttled for long: the vault is asked ever more rarely, and every change comes once it lets up", async () => {
  await using disaster = await startDisaster("throttled");
  const { stack } = disaster;
  await stack.keyVault.control("POST", "faults", {
    fault: { kind: "error", status: 429, code: "Throttled" },
    operations: ["set"],
    count: 3,
  });
  for (const secret of Object.keys(FIRST)) await disaster.change(secret, "second");
  await disaster.inStep(Object.fromEntries(Object.keys(FIRST).map((name) => [name, "second"])), 150_000);
  await disaster.expectWritten(6);
  expect(await counters(stack)).toMatchObject({ leaks: 0 });
}, 240_000);
