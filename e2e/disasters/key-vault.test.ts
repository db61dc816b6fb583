// docs/operations/key-vault.md: a vault that is gone, a credential that has expired, and an Azure that throttles for a
// long time. Each waits and goes on by itself once it is mended; nothing is written twice (P1, P4, P6).
import { DEFAULT_CLIENT_SECRET } from "@keyferry/key-vault-emulator";
import { eventually, STACK_MOUNT } from "@keyferry/testkit";
import { expect, test } from "vitest";
import { type Disaster, FIRST, startDisaster } from "../support/disaster.ts";
import { counters, liveSecrets } from "../support/emulated-vault.ts";
import { keyferry } from "../support/keyferry.ts";
import { associate } from "../support/sync-api.ts";

/** Looks until the writes are old enough to be compared, and so many differ. */
async function driftIsSeen({ stack, vault }: Disaster, count: number): Promise<void> {
  await eventually(
    async () => {
      const { stdout } = await keyferry(stack, ["drift", "check", vault, "-o", "json"]);
      return (JSON.parse(stdout) as { counts: { missing?: number } }).counts.missing;
    },
    { what: `${count} to be missed`, until: (found) => found === count, timeoutMs: 60_000 },
  );
}

test("a vault whose secrets were all deleted is filled again from the source", async () => {
  await using disaster = await startDisaster("vault-deleted");
  const { stack } = disaster;
  await stack.keyVault.control("POST", "reset", { state: true });
  expect((await liveSecrets(stack, disaster.vault)).size).toBe(0);
  await disaster.change("app-one", "second");
  await disaster.inStep({ "app-one": "second" });
}, 180_000);

test("a vault whose secrets were all deleted is filled again by a look for drift, without any change", async () => {
  await using disaster = await startDisaster("vault-emptied", { driftSettledS: 1 });
  const { stack, vault } = disaster;
  await stack.keyVault.control("POST", "reset", { state: true });
  await driftIsSeen(disaster, Object.keys(FIRST).length);
  const { code, stdout } = await keyferry(stack, ["drift", "repair", vault]);
  expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining("repaired") });
  await disaster.inStep(FIRST);
  await disaster.expectWritten(6);
}, 180_000);

test("more than 5 % missing is reported alone, and filled again once a person says that it is the right vault", async () => {
  await using disaster = await startDisaster("vault-large", { driftSettledS: 1 });
  const { stack, vault, source } = disaster;
  const more = Array.from({ length: 5 }, (_, index) => `more-${index}`);
  for (const name of more) {
    await source.putSecret(STACK_MOUNT, name, { value: "first" });
    await associate(stack, vault, name);
  }
  const all = { ...FIRST, ...Object.fromEntries(more.map((name) => [name, "first"])) };
  await disaster.inStep(all);
  const count = Object.keys(all).length;
  await stack.keyVault.control("POST", "reset", { state: true });
  await driftIsSeen(disaster, count);
  const cautious = await keyferry(stack, ["drift", "repair", vault]);
  expect(cautious).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("Nothing was repaired: 8 of 8"),
  });
  expect((await liveSecrets(stack, vault)).size).toBe(0);
  const sure = await keyferry(stack, ["drift", "repair", vault, "--even-if-many"]);
  expect(sure.code).toBe(0);
  await disaster.inStep(all);
  await disaster.expectWritten(2 * count);
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
  await eventually(async () => (await keyferry(stack, ["status", disaster.vault])).stdout, {
    what: "status to tell of the throttling",
    until: (text) => /calls wait: Azure throttles the vault/.test(text),
  });
  await disaster.inStep(Object.fromEntries(Object.keys(FIRST).map((name) => [name, "second"])), 150_000);
  await disaster.expectWritten(6);
  expect(await counters(stack)).toMatchObject({ leaks: 0 });
}, 240_000);
