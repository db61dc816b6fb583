// Proves: lists of secrets: pages, links, cursors, and what an item shows.
import { expect, test } from "vitest";
import type { VaultUnderTest } from "../support/vault-under-test.ts";
import { told } from "../support/refusals.ts";
import { needs, vaultUnderTest } from "../support/vault-under-test.ts";

const vault = vaultUnderTest();

interface Page {
  readonly value: readonly Readonly<Record<string, unknown>>[];
  readonly nextLink: string | null;
}

async function page(of: VaultUnderTest, path: string, inVault: string): Promise<Page> {
  const { status, json } = await of.raw("GET", path, { vault: inVault });
  expect(status).toBe(200);
  return json as unknown as Page;
}

/** Follows a link, which is absolute, by its path and query. */
async function follow(of: VaultUnderTest, link: string, inVault: string): Promise<Page> {
  const { pathname, search } = new URL(link);
  const { json } = await of.raw("GET", `${pathname}${search}`, { vault: inVault, noVersion: true });
  return json as unknown as Page;
}

async function fill(inVault: string, count: number): Promise<void> {
  const client = vault.client(inVault);
  for (let at = 0; at < count; at += 1) await client.setSecret(`item-${String(at).padStart(3, "0")}`, "v");
}

test("an item shows attributes, tags and content type of the latest version, and an id without a version", async () => {
  const client = vault.client();
  const name = vault.freshName("list");
  await client.setSecret(name, "old", { tags: { which: "old" } });
  await client.setSecret(name, "new", { tags: { which: "new" }, contentType: "text/plain" });
  for await (const item of client.listPropertiesOfSecrets()) {
    if (item.name !== name) continue;
    expect(item).toMatchObject({ tags: { which: "new" }, contentType: "text/plain", enabled: true });
    expect(item.version).toBeUndefined();
    return;
  }
  expect.unreachable("the secret is not in the list");
});

test("items have no value", async () => {
  const name = vault.freshName("list");
  await vault.raw("PUT", `/secrets/${name}`, { body: { value: "never-in-a-list" } });
  const { text } = await vault.raw("GET", "/secrets");
  expect(text).not.toContain("never-in-a-list");
});

test("a disabled secret is in the list", async () => {
  const client = vault.client();
  const name = vault.freshName("list");
  await client.setSecret(name, "v", { enabled: false });
  const shown: (boolean | undefined)[] = [];
  for await (const item of client.listPropertiesOfSecrets()) if (item.name === name) shown.push(item.enabled);
  expect(shown).toEqual([false]);
});

test.each(["0", "26", "-1", "many", "1.5", ""])("a page size of %j is a bad parameter", async (size) => {
  const answer = await vault.raw("GET", `/secrets?maxresults=${size}`);
  expect(told(answer)).toMatchObject({ status: 400, code: "BadParameter" });
});

test("a skip token that is none is a bad parameter", async () => {
  const answer = await vault.raw("GET", "/secrets?$skiptoken=bm90IGEgdG9rZW4");
  expect(told(answer)).toMatchObject({ status: 400, code: "BadParameter" });
});

test.each(needs("control"))("an empty vault gives an empty list and no link", async () => {
  expect(await page(vault, "/secrets", "list-empty")).toEqual({ value: [], nextLink: null });
});

test.each(needs("control"))("a page has 25 items at most, and a link while there are more", async () => {
  await fill("list-pages", 26);
  const first = await page(vault, "/secrets", "list-pages");
  expect(first.value).toHaveLength(25);
  const second = await follow(vault, first.nextLink ?? "", "list-pages");
  expect(second.value).toHaveLength(1);
  expect(second.nextLink).toBeNull();
});

test.each(needs("control"))("a full last page has no link", async () => {
  await fill("list-full", 25);
  const only = await page(vault, "/secrets", "list-full");
  expect(only.value).toHaveLength(25);
  expect(only.nextLink).toBeNull();
});

test.each(needs("control"))("smaller pages can be asked for, and the link keeps the size", async () => {
  await fill("list-small", 5);
  const first = await page(vault, "/secrets?maxresults=2", "list-small");
  expect(first.value).toHaveLength(2);
  expect(first.nextLink).toContain("maxresults=2");
  expect((await follow(vault, first.nextLink ?? "", "list-small")).value).toHaveLength(2);
});

test.each(needs("control"))("the SDK walks all pages, every item once", async () => {
  await fill("list-walk", 60);
  const names: string[] = [];
  for await (const item of vault.client("list-walk").listPropertiesOfSecrets()) names.push(item.name);
  expect(names).toHaveLength(60);
  expect(new Set(names).size).toBe(60);
});

test.each(needs("control"))("the SDK goes on from a link that was kept", async () => {
  await fill("list-token", 4);
  const first = await page(vault, "/secrets?maxresults=3", "list-token");
  const pages = vault.client("list-token").listPropertiesOfSecrets();
  const second = await pages.byPage({ continuationToken: first.nextLink ?? "" }).next();
  expect(second.value).toHaveLength(1);
});

test.each(needs("control"))("the link is absolute and keeps the port that the client named", async () => {
  await fill("list-link", 2);
  const { nextLink } = await page(vault, "/secrets?maxresults=1", "list-link");
  expect(new URL(nextLink ?? "").origin).toBe(vault.url("list-link"));
  expect(nextLink).toMatch(/[?&]api-version=7\.6&\$skiptoken=[\w-]+/);
});

test.each(needs("control"))("the link names port 443 where the client named no port", async () => {
  await fill("list-443", 2);
  const { json } = await vault.raw("GET", "/secrets?maxresults=1", {
    vault: "list-443",
    headers: { host: "list-443.vault.azure.net" },
  });
  expect(json["nextLink"]).toMatch(/^https:\/\/list-443\.vault\.azure\.net:443\/secrets\?/);
});

test.each(needs("control"))("what is deleted between pages does not shift the rest", async () => {
  await fill("list-shift", 6);
  const first = await page(vault, "/secrets?maxresults=3", "list-shift");
  await vault.client("list-shift").beginDeleteSecret("item-001");
  const second = await follow(vault, first.nextLink ?? "", "list-shift");
  expect(second.value.map((item) => String(item["id"]).split("/").pop())).toEqual([
    "item-003",
    "item-004",
    "item-005",
  ]);
});

test.each(needs("control"))("a page of deleted secrets is empty and has a link", async () => {
  await fill("list-deleted", 30);
  const client = vault.client("list-deleted");
  for (let at = 0; at < 25; at += 1) await client.beginDeleteSecret(`item-${String(at).padStart(3, "0")}`);
  const first = await page(vault, "/secrets", "list-deleted");
  expect(first.value).toEqual([]);
  expect(first.nextLink).not.toBeNull();
  expect((await follow(vault, first.nextLink ?? "", "list-deleted")).value).toHaveLength(5);
});

test.each(needs("control"))("the SDK's walk goes on over an empty page", async () => {
  await fill("list-empties", 28);
  const client = vault.client("list-empties");
  for (let at = 0; at < 25; at += 1) await client.beginDeleteSecret(`item-${String(at).padStart(3, "0")}`);
  const names: string[] = [];
  for await (const item of client.listPropertiesOfSecrets()) names.push(item.name);
  expect(names).toEqual(["item-025", "item-026", "item-027"]);
});

test.each(needs("control"))("a skip token of another list is a bad parameter", async () => {
  await fill("list-mixed", 2);
  const { nextLink } = await page(vault, "/secrets?maxresults=1", "list-mixed");
  const token = new URL(nextLink ?? "").searchParams.get("$skiptoken") ?? "";
  const answer = await vault.raw("GET", `/deletedsecrets?$skiptoken=${token}`, { vault: "list-mixed" });
  expect(told(answer)).toMatchObject({ status: 400, code: "BadParameter" });
});

test.each(needs("control"))("a certificate's secret is in the list, marked as managed", async () => {
  vault.emulator.putManaged("list-managed", "certificate");
  const { value } = await page(vault, "/secrets", "list-managed");
  expect(value).toMatchObject([{ managed: true, contentType: "application/x-pkcs12" }]);
});

test.each(needs("control"))("a certificate's secret can be neither set nor deleted", async () => {
  vault.emulator.putManaged("list-managed", "certificate");
  const put = await vault.raw("PUT", "/secrets/certificate", { vault: "list-managed", body: { value: "v" } });
  const del = await vault.raw("DELETE", "/secrets/certificate", { vault: "list-managed" });
  expect([told(put).status, told(del).status]).toEqual([403, 403]);
});
