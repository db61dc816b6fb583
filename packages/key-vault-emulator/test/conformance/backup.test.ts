// Proves: backup and restore.
import { expect, test } from "vitest";
import { refused, told } from "../support/refusals.ts";
import { needs, vaultUnderTest } from "../support/vault-under-test.ts";

const vault = vaultUnderTest({ frozenClock: true });

test("a backup is a text in base64url", async () => {
  const name = vault.freshName("backup");
  await vault.raw("PUT", `/secrets/${name}`, { body: { value: "v" } });
  const { status, json } = await vault.raw("POST", `/secrets/${name}/backup`);
  expect(status).toBe(200);
  expect(json["value"]).toMatch(/^[\w-]+$/);
});

test("a backup does not show the value", async () => {
  const name = vault.freshName("backup");
  await vault.raw("PUT", `/secrets/${name}`, { body: { value: "plain-in-a-backup" } });
  const { json } = await vault.raw("POST", `/secrets/${name}/backup`);
  const decoded = Buffer.from(String(json["value"]), "base64url").toString("latin1");
  expect(decoded).not.toContain("plain-in-a-backup");
});

test("a backup of what is not there is SecretNotFound", async () => {
  const call = vault.client().backupSecret(vault.freshName("backup"));
  expect(await refused(call)).toMatchObject({ status: 404, code: "SecretNotFound" });
});

test("a restore of something else is a bad parameter", async () => {
  const call = vault
    .client()
    .restoreSecretBackup(new TextEncoder().encode("not a backup of any secret at all, but long"));
  expect(await refused(call)).toMatchObject({ status: 400, code: "BadParameter" });
});

test("a restore without a blob is a bad parameter", async () => {
  const answer = await vault.raw("POST", "/secrets/restore", { body: {} });
  expect(told(answer)).toMatchObject({ status: 400, code: "BadParameter" });
});

test("a restore over a secret that is there is a conflict", async () => {
  const client = vault.client();
  const name = vault.freshName("backup");
  await client.setSecret(name, "v");
  const blob = await client.backupSecret(name);
  expect(await refused(client.restoreSecretBackup(blob ?? new Uint8Array()))).toMatchObject({
    status: 409,
    code: "Conflict",
  });
});

test.each(needs("control"))("a restore over a deleted secret is ObjectIsDeletedButRecoverable", async () => {
  const client = vault.client();
  const name = vault.freshName("backup");
  await client.setSecret(name, "v");
  const blob = await client.backupSecret(name);
  await vault.deleted(client, name);
  const call = client.restoreSecretBackup(blob ?? new Uint8Array());
  expect(await refused(call)).toMatchObject({ status: 409, inner: "ObjectIsDeletedButRecoverable" });
});

test.each(needs("control"))("a restore after a purge brings back all versions under their ids", async () => {
  const client = vault.client();
  const name = vault.freshName("backup");
  const old = (await client.setSecret(name, "old", { tags: { n: "1" } })).properties.version ?? "";
  await client.setSecret(name, "new");
  const blob = await client.backupSecret(name);
  await vault.deleted(client, name);
  await client.purgeDeletedSecret(name);
  vault.emulator.clock.advance(3_000);
  expect((await client.restoreSecretBackup(blob ?? new Uint8Array())).name).toBe(name);
  expect((await client.getSecret(name)).value).toBe("new");
  expect(await client.getSecret(name, { version: old })).toMatchObject({
    value: "old",
    properties: { tags: { n: "1" } },
  });
});

test.each(needs("control"))("a backup can be restored into another vault", async () => {
  const client = vault.client("backup-from");
  await client.setSecret("moved", "v");
  const blob = await client.backupSecret("moved");
  await vault.client("backup-to").restoreSecretBackup(blob ?? new Uint8Array());
  expect((await vault.client("backup-to").getSecret("moved")).value).toBe("v");
});

test.each(needs("control"))("more than 500 versions cannot be backed up", async () => {
  const path = "/secrets/many-versions";
  for (let at = 0; at < 500; at += 1)
    await vault.raw("PUT", path, { vault: "backup-many", body: { value: "v" } });
  expect((await vault.raw("POST", `${path}/backup`, { vault: "backup-many" })).status).toBe(200);
  await vault.raw("PUT", path, { vault: "backup-many", body: { value: "v" } });
  expect((await vault.raw("POST", `${path}/backup`, { vault: "backup-many" })).status).toBe(400);
});
