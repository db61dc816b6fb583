// Proves: the list of versions: its order tells nothing, its items have no value.
import { expect, test } from "vitest";
import { needs, vaultUnderTest } from "../support/vault-under-test.ts";

const vault = vaultUnderTest();

async function versionIds(name: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const item of vault.client().listPropertiesOfSecretVersions(name)) ids.push(item.version ?? "");
  return ids;
}

test("the versions of a secret that is not there are an empty list, not an error", async () => {
  const { status, json } = await vault.raw("GET", `/secrets/${vault.freshName("versions")}/versions`);
  expect(status).toBe(200);
  expect(json["value"]).toEqual([]);
});

test("every version is listed once", async () => {
  const client = vault.client();
  const name = vault.freshName("versions");
  const made: string[] = [];
  for (let at = 0; at < 5; at += 1)
    made.push((await client.setSecret(name, `v${at}`)).properties.version ?? "");
  expect((await versionIds(name)).toSorted()).toEqual(made.toSorted());
});

test("the order is that of the version's hash", async () => {
  const client = vault.client();
  const name = vault.freshName("versions");
  for (let at = 0; at < 8; at += 1) await client.setSecret(name, `v${at}`);
  const ids = await versionIds(name);
  expect(ids).toEqual(ids.toSorted());
});

test("each version shows its own tags and state", async () => {
  const client = vault.client();
  const name = vault.freshName("versions");
  await client.setSecret(name, "a", { tags: { n: "1" } });
  await client.setSecret(name, "b", { tags: { n: "2" }, enabled: false });
  const shown: Record<string, boolean | undefined> = {};
  for await (const item of client.listPropertiesOfSecretVersions(name))
    shown[item.tags?.["n"] ?? ""] = item.enabled;
  expect(shown).toEqual({ "1": true, "2": false });
});

test("items have no value", async () => {
  const name = vault.freshName("versions");
  await vault.raw("PUT", `/secrets/${name}`, { body: { value: "never-in-a-list" } });
  const { text } = await vault.raw("GET", `/secrets/${name}/versions`);
  expect(text).not.toContain("never-in-a-list");
});

test("the versions are found by the name in any case", async () => {
  const client = vault.client();
  const name = vault.freshName("Versions-Case");
  await client.setSecret(name, "v");
  expect(await versionIds(name.toUpperCase())).toHaveLength(1);
});

test("versions come in pages", async () => {
  const client = vault.client();
  const name = vault.freshName("versions");
  for (let at = 0; at < 27; at += 1) await client.setSecret(name, "v");
  const sizes: number[] = [];
  for await (const page of client.listPropertiesOfSecretVersions(name).byPage()) sizes.push(page.length);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(27);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(25);
});

test("the latest version cannot be told from created, which has whole seconds", async () => {
  const name = vault.freshName("versions");
  await vault.raw("PUT", `/secrets/${name}`, { body: { value: "v" } });
  const { json } = await vault.raw("GET", `/secrets/${name}/versions`);
  const [item] = json["value"] as { attributes: { created: number } }[];
  expect(Number.isInteger(item?.attributes.created)).toBe(true);
});

test.each(needs("minutes"))("a deleted secret has no versions to list", async () => {
  const client = vault.client();
  const name = vault.freshName("versions");
  await client.setSecret(name, "v");
  await vault.deleted(client, name);
  expect(await versionIds(name)).toEqual([]);
});
