// Proves: purge protection and retention, and the recovery level they show as.
import { expect, test } from "vitest";
import { refused } from "../support/refusals.ts";
import { needs, vaultUnderTest } from "../support/vault-under-test.ts";

const vault = vaultUnderTest({
  frozenClock: true,
  vaults: {
    conformance: {},
    protected: { purgeProtection: true },
    short: { retentionDays: 7 },
    "short-protected": { retentionDays: 30, purgeProtection: true },
  },
});

test("the recovery level and the days are on every secret", async () => {
  const { properties } = await vault.client().setSecret(vault.freshName("level"), "v");
  expect(properties.recoveryLevel).toMatch(
    /^(Customized)?Recoverable(\+Purgeable|\+ProtectedSubscription)?$/,
  );
  expect(properties.recoverableDays).toBeLessThanOrEqual(90);
});

test.each(
  needs("control").flatMap(
    () =>
      [
        ["conformance", "Recoverable+Purgeable", 90],
        ["protected", "Recoverable", 90],
        ["short", "CustomizedRecoverable+Purgeable", 7],
        ["short-protected", "CustomizedRecoverable", 30],
      ] as const,
  ),
)(
  "a secret of the vault %s has the recovery level %s and %d days",
  async (name, recoveryLevel, recoverableDays) => {
    const { properties } = await vault.client(name).setSecret("level", "v");
    expect(properties).toMatchObject({ recoveryLevel, recoverableDays });
  },
);

test.each(needs("control"))("purge protection refuses a purge with 403", async () => {
  const client = vault.client("protected");
  await client.setSecret("kept", "v");
  await vault.deleted(client, "kept");
  expect(await refused(client.purgeDeletedSecret("kept"))).toMatchObject({ status: 403, code: "Forbidden" });
});

test.each(needs("control"))("what is protected can be recovered", async () => {
  const client = vault.client("protected");
  await client.setSecret("recovered", "v");
  await vault.deleted(client, "recovered");
  await vault.recovered(client, "recovered");
  expect((await client.getSecret("recovered")).value).toBe("v");
});

test.each(needs("control"))("what is protected goes when its retention is over", async () => {
  const client = vault.client("short-protected");
  await client.setSecret("gone", "v");
  await vault.deleted(client, "gone");
  vault.emulator.clock.advance(30 * 86_400_000);
  expect(await refused(client.getDeletedSecret("gone"))).toMatchObject({ status: 404 });
});

test.each(needs("control"))("a vault that is not among those given does not exist", async () => {
  const call = vault.client("nowhere").getSecret("any");
  expect(await refused(call)).toMatchObject({ status: 404, code: "VaultNotFound" });
});
