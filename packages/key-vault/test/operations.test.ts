// Every operation against the emulator: what it does to the vault, what it answers, how many requests it costs.
import { sha256 } from "@keyferry/key-vault-emulator";
import { SecretValue } from "@keyferry/ports";
import { expect, test } from "vitest";
import type { SecretListed } from "../src/index.ts";
import { call, startWorld, VAULT } from "./world.ts";

const NOT_BEFORE = 1_700_000_000_000;
const EXPIRES = 1_900_000_000_000;

test("a put writes value, tags, content type and attributes as a new version, with one request", async () => {
  await using world = await startWorld();
  const { vault, emulator } = world;
  await vault.prime(call());
  emulator.oracle.reset();
  const put = await vault.put(
    "db-password",
    {
      value: new SecretValue("pässwörd"),
      contentType: "text/plain",
      tags: { team: "x" },
      enabled: false,
      notBefore: NOT_BEFORE,
      expires: EXPIRES,
    },
    call(),
  );
  const [effect] = emulator.oracle.effects({ vault: VAULT });
  expect(put).toEqual({ kind: "put", version: effect?.version });
  expect(effect).toMatchObject({
    name: "db-password",
    tags: { team: "x" },
    contentType: "text/plain",
    enabled: false,
    valueSha256: sha256("pässwörd"),
  });
  expect(emulator.oracle.requests().map((request) => request.operation)).toEqual(["set"]);
  const { versions } = await vault.versions("db-password", { ...call(), pagesMax: 1 });
  expect(versions).toMatchObject([
    { tags: { team: "x" }, enabled: false, managed: false, contentType: "text/plain" },
  ]);
});

test("an empty value is a value, and 25,600 bytes are the most", async () => {
  await using world = await startWorld();
  const { vault, emulator } = world;
  expect(await vault.put("empty", { value: new SecretValue(""), tags: {} }, call())).toMatchObject({
    kind: "put",
  });
  const most = new SecretValue("ä".repeat(12_800));
  expect(await vault.put("most", { value: most, tags: {} }, call())).toMatchObject({ kind: "put" });
  const before = emulator.oracle.snapshot().requests;
  const more = new SecretValue(`${"ä".repeat(12_800)}x`);
  await expect(vault.put("more", { value: more, tags: {} }, call())).rejects.toMatchObject({
    code: "value-too-large",
  });
  expect(emulator.oracle.snapshot().requests).toBe(before);
});

test.each([
  ["name-invalid", "a_b", {}],
  ["name-invalid", "", {}],
  ["name-invalid", "a".repeat(128), {}],
  ["tags-invalid", "a", { tags: Object.fromEntries(Array.from({ length: 16 }, (_, n) => [`t${n}`, ""])) }],
  ["tags-invalid", "a", { tags: { t: "v".repeat(257) } }],
  ["vault-rejected", "a", { contentType: "c".repeat(256) }],
])("what Key Vault would refuse is refused before it is sent: %s", async (code, name, change) => {
  await using world = await startWorld();
  const secret = { value: new SecretValue("v"), tags: {}, ...change };
  await expect(world.vault.put(name, secret, call())).rejects.toMatchObject({ code });
  expect(world.emulator.oracle.snapshot().requests).toBe(0);
});

test("a patch changes tags and attributes of that version only, and makes no version", async () => {
  await using world = await startWorld();
  const { vault, emulator } = world;
  const first = await vault.put("a", { value: new SecretValue("1"), tags: { v: "1" } }, call());
  await vault.put("a", { value: new SecretValue("2"), tags: { v: "2" } }, call());
  if (first.kind !== "put") throw new Error(first.kind);
  const patched = await vault.patch("a", first.version, { tags: { v: "1b" }, enabled: false }, call());
  expect(patched).toEqual({ kind: "patched" });
  const { versions } = await vault.versions("a", { ...call(), pagesMax: 1 });
  const byTag = versions.map(({ tags, enabled }) => `${tags["v"]} ${enabled}`).sort();
  expect(byTag).toEqual(["1b false", "2 true"]);
  expect(emulator.oracle.writes(VAULT, "a")).toHaveLength(2);
  expect(await vault.patch("nobody", first.version, { tags: {} }, call())).toEqual({ kind: "absent" });
  // P3, hazard patch-of-latest: an empty version would mean the latest.
  await expect(vault.patch("a", "", { tags: {} }, call())).rejects.toMatchObject({ code: "vault-rejected" });
});

test("a delete is one request and leaves a soft-deleted secret with its tags; a second one finds nothing", async () => {
  await using world = await startWorld();
  const { vault, emulator } = world;
  await vault.put("a", { value: new SecretValue("1"), tags: { owner: "me" } }, call());
  emulator.oracle.reset();
  expect(await vault.delete("a", call())).toEqual({ kind: "deleted" });
  expect(emulator.oracle.requests({ vault: VAULT }).map((request) => request.operation)).toEqual(["delete"]);
  expect(await vault.deleted("a", call())).toEqual({
    kind: "deleted",
    tags: { owner: "me" },
    recoveryLevel: "Recoverable+Purgeable",
  });
  expect(await vault.delete("a", call())).toEqual({ kind: "absent" });
  expect(await vault.deleted("nobody", call())).toEqual({ kind: "absent" });
});

test("a recover is one request, never reads a value, and brings back all versions", async () => {
  await using world = await startWorld();
  const { vault, emulator } = world;
  await vault.put("a", { value: new SecretValue("1"), tags: {} }, call());
  await vault.put("a", { value: new SecretValue("2"), tags: {} }, call());
  await vault.delete("a", call());
  emulator.oracle.reset();
  expect(await vault.recover("a", call())).toEqual({ kind: "recovering" });
  expect(emulator.oracle.requests({ vault: VAULT }).map((request) => request.operation)).toEqual(["recover"]);
  expect((await vault.versions("a", { ...call(), pagesMax: 1 })).versions).toHaveLength(2);
  expect(await vault.recover("nobody", call())).toEqual({ kind: "absent" });
});

test("a purge frees the name; of a secret that is not deleted there is nothing to purge", async () => {
  await using world = await startWorld();
  const { vault } = world;
  await vault.put("a", { value: new SecretValue("1"), tags: {} }, call());
  expect(await vault.purge("a", call())).toEqual({ kind: "absent" });
  await vault.delete("a", call());
  expect(await vault.purge("a", call())).toEqual({ kind: "purged" });
  expect(await vault.put("a", { value: new SecretValue("2"), tags: {} }, call())).toMatchObject({
    kind: "put",
  });
  expect((await vault.versions("a", { ...call(), pagesMax: 1 })).versions).toHaveLength(1);
});

test("versions come page by page up to the bound, and say whether they are all", async () => {
  await using world = await startWorld();
  const { vault } = world;
  for (let count = 0; count < 30; count += 1) {
    await vault.put("a", { value: new SecretValue(String(count)), tags: { n: String(count) } }, call());
  }
  const cut = await vault.versions("a", { ...call(), pagesMax: 1 });
  expect([cut.versions.length, cut.complete]).toEqual([25, false]);
  const all = await vault.versions("a", { ...call(), pagesMax: 2 });
  expect([new Set(all.versions.map(({ version }) => version)).size, all.complete]).toEqual([30, true]);
  expect(await vault.versions("nobody", { ...call(), pagesMax: 1 })).toEqual({
    versions: [],
    complete: true,
  });
});

test("the list walks over empty pages and shows managed and disabled secrets as such", async () => {
  await using world = await startWorld();
  const { vault, emulator } = world;
  const names = Array.from({ length: 60 }, (_, n) => `s${String(n).padStart(2, "0")}`);
  for (const name of names) await vault.put(name, { value: new SecretValue("v"), tags: { name } }, call());
  // 45 in a row are deleted: a page of 25 is empty and yet has a next one.
  for (const name of names.slice(10, 55)) await vault.delete(name, call());
  emulator.putManaged(VAULT, "certificate");
  await vault.put("off", { value: new SecretValue("v"), tags: {}, enabled: false }, call());
  const pages: SecretListed[][] = [];
  for await (const page of vault.list(call())) pages.push(page);
  const listed = pages.flat();
  expect(pages.some((page) => page.length === 0)).toBe(true);
  expect(listed.map(({ name }) => name).sort()).toEqual(
    [...names.slice(0, 10), ...names.slice(55), "certificate", "off"].sort(),
  );
  expect(listed.find(({ name }) => name === "certificate")?.managed).toBe(true);
  expect(listed.find(({ name }) => name === "off")?.enabled).toBe(false);
  expect(listed.find(({ name }) => name === "s00")?.tags).toEqual({ name: "s00" });
});
