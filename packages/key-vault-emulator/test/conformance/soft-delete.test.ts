// Proves: deletion has a time of its own: what each call says before, during and after it, and how it is undone.
import { expect, test } from "vitest";
import { refused, told } from "../support/refusals.ts";
import { needs, vaultUnderTest } from "../support/vault-under-test.ts";

// Delays as recorded: 5 s until deleted, 1 s until readable and 10 s until writable again, 3 s until purged.
const vault = vaultUnderTest({ frozenClock: true });

test("a delete answers with the deleted secret, without its value", async () => {
  const name = vault.freshName("delete");
  await vault.raw("PUT", `/secrets/${name}`, { body: { value: "v", tags: { a: "b" } } });
  const { status, json } = await vault.raw("DELETE", `/secrets/${name}`);
  expect(status).toBe(200);
  expect(json).not.toHaveProperty("value");
  expect(json["recoveryId"]).toMatch(
    new RegExp(`^https://[0-9a-z-]+\\.vault\\.azure\\.net/deletedsecrets/${name}$`),
  );
  expect(json["tags"]).toEqual({ a: "b" });
});

test("the time of the purge is the retention after the delete", async () => {
  const name = vault.freshName("delete");
  await vault.raw("PUT", `/secrets/${name}`, { body: { value: "v" } });
  const { json } = await vault.raw("DELETE", `/secrets/${name}`);
  const { recoverableDays } = json["attributes"] as { recoverableDays: number };
  expect(Number(json["scheduledPurgeDate"]) - Number(json["deletedDate"])).toBe(recoverableDays * 86_400);
});

test("a delete of what is not there is SecretNotFound", async () => {
  const call = vault.client().beginDeleteSecret(vault.freshName("delete"));
  expect(await refused(call)).toMatchObject({ status: 404, code: "SecretNotFound" });
});

test("a secret that is being deleted cannot be read any more", async () => {
  const client = vault.client();
  const name = vault.freshName("delete");
  await client.setSecret(name, "v");
  await client.beginDeleteSecret(name);
  expect(await refused(client.getSecret(name))).toMatchObject({ status: 404, code: "SecretNotFound" });
});

test("a deleted secret that is not there is SecretNotFound", async () => {
  const call = vault.client().getDeletedSecret(vault.freshName("delete"));
  expect(await refused(call)).toMatchObject({ status: 404, code: "SecretNotFound" });
});

test("a recover of what was never deleted is SecretNotFound", async () => {
  const answer = await vault.raw("POST", `/deletedsecrets/${vault.freshName("recover")}/recover`);
  expect(told(answer)).toMatchObject({ status: 404, code: "SecretNotFound" });
});

test.each(needs("control"))("a set while the name is being deleted is ObjectIsBeingDeleted", async () => {
  const client = vault.client();
  const name = vault.freshName("delete");
  await client.setSecret(name, "v");
  await client.beginDeleteSecret(name);
  vault.emulator.clock.advance(4_999);
  expect(await refused(client.setSecret(name, "v"))).toEqual({
    status: 409,
    code: "Conflict",
    inner: "ObjectIsBeingDeleted",
  });
});

test.each(needs("control"))(
  "what is being deleted shows under deleted secrets only when it is through",
  async () => {
    const client = vault.client();
    const name = vault.freshName("delete");
    await client.setSecret(name, "v");
    await client.beginDeleteSecret(name);
    expect(await refused(client.getDeletedSecret(name))).toMatchObject({ status: 404 });
    vault.emulator.clock.advance(5_000);
    expect((await client.getDeletedSecret(name)).name).toBe(name);
  },
);

test.each(needs("control"))("the SDK's poller ends when the deletion is through", async () => {
  const client = vault.client();
  const name = vault.freshName("delete");
  await client.setSecret(name, "v");
  const poller = await client.beginDeleteSecret(name, { intervalInMs: 1 });
  await poller.poll();
  expect(poller.isDone()).toBe(false);
  vault.emulator.clock.advance(5_000);
  expect((await poller.pollUntilDone()).name).toBe(name);
});

test.each(needs("control"))("a second delete while the first is at work is a conflict", async () => {
  const client = vault.client();
  const name = vault.freshName("delete");
  await client.setSecret(name, "v");
  await client.beginDeleteSecret(name);
  expect(told(await vault.raw("DELETE", `/secrets/${name}`))).toMatchObject({
    status: 409,
    code: "Conflict",
  });
});

test.each(needs("control"))("a purge that comes too early is a conflict without an inner code", async () => {
  const client = vault.client();
  const name = vault.freshName("purge");
  await client.setSecret(name, "v");
  await client.beginDeleteSecret(name);
  expect(await refused(client.purgeDeletedSecret(name))).toEqual({
    status: 409,
    code: "Conflict",
    inner: undefined,
  });
});

test.each(needs("control"))("a recover that comes too early is a conflict", async () => {
  const client = vault.client();
  const name = vault.freshName("recover");
  await client.setSecret(name, "v");
  await client.beginDeleteSecret(name);
  const answer = await vault.raw("POST", `/deletedsecrets/${name}/recover`);
  expect(told(answer)).toMatchObject({ status: 409, code: "Conflict" });
});

test.each(needs("minutes"))("a set on a deleted name is ObjectIsDeletedButRecoverable", async () => {
  const client = vault.client();
  const name = vault.freshName("delete");
  await client.setSecret(name, "v");
  await vault.deleted(client, name);
  expect(await refused(client.setSecret(name, "v"))).toEqual({
    status: 409,
    code: "Conflict",
    inner: "ObjectIsDeletedButRecoverable",
  });
});

test.each(needs("minutes"))("a set on a deleted name in another case is refused just the same", async () => {
  const client = vault.client();
  const name = vault.freshName("Delete-Case");
  await client.setSecret(name, "v");
  await vault.deleted(client, name);
  const call = client.setSecret(name.toLowerCase(), "v");
  expect(await refused(call)).toMatchObject({ status: 409, inner: "ObjectIsDeletedButRecoverable" });
});

test.each(needs("minutes"))("a delete of a deleted secret is SecretNotFound", async () => {
  const client = vault.client();
  const name = vault.freshName("delete");
  await client.setSecret(name, "v");
  await vault.deleted(client, name);
  expect(told(await vault.raw("DELETE", `/secrets/${name}`))).toMatchObject({
    status: 404,
    code: "SecretNotFound",
  });
});

test.each(needs("minutes"))(
  "a deleted secret is listed among the deleted, with its tags and dates",
  async () => {
    const client = vault.client();
    const name = vault.freshName("delete");
    await client.setSecret(name, "v", { tags: { a: "b" } });
    await vault.deleted(client, name);
    for await (const item of client.listDeletedSecrets()) {
      if (item.name !== name) continue;
      expect(item.properties.tags).toEqual({ a: "b" });
      expect(item.scheduledPurgeDate?.getTime()).toBeGreaterThan(
        item.deletedOn?.getTime() ?? Number.POSITIVE_INFINITY,
      );
      return;
    }
    expect.unreachable("the secret is not among the deleted");
  },
);

test.each(needs("minutes"))("a deleted secret is in no list of secrets", async () => {
  const client = vault.client();
  const name = vault.freshName("delete");
  await client.setSecret(name, "v");
  await vault.deleted(client, name);
  const names: string[] = [];
  for await (const item of client.listPropertiesOfSecrets()) names.push(item.name);
  expect(names).not.toContain(name);
});

test.each(needs("minutes"))("a recover brings back every version with its value and tags", async () => {
  const client = vault.client();
  const name = vault.freshName("recover");
  const old = (await client.setSecret(name, "old", { tags: { n: "1" } })).properties.version ?? "";
  await client.setSecret(name, "new", { tags: { n: "2" } });
  await vault.deleted(client, name);
  await vault.recovered(client, name);
  expect(await client.getSecret(name)).toMatchObject({ value: "new", properties: { tags: { n: "2" } } });
  expect(await client.getSecret(name, { version: old })).toMatchObject({
    value: "old",
    properties: { tags: { n: "1" } },
  });
});

test.each(needs("minutes"))("a recover answers without a value", async () => {
  const client = vault.client();
  const name = vault.freshName("recover");
  await client.setSecret(name, "v");
  await vault.deleted(client, name);
  const { status, json } = await vault.raw("POST", `/deletedsecrets/${name}/recover`);
  expect(status).toBe(200);
  expect(json).not.toHaveProperty("value");
});

test.each(needs("minutes"))("a recovered secret can be set again", async () => {
  const client = vault.client();
  const name = vault.freshName("recover");
  await client.setSecret(name, "old");
  await vault.deleted(client, name);
  await vault.recovered(client, name);
  expect((await client.setSecret(name, "new")).value).toBe("new");
});

test.each(needs("control"))("a set while the name is being recovered is ObjectIsBeingRecovered", async () => {
  const client = vault.client();
  const name = vault.freshName("recover");
  await client.setSecret(name, "v");
  await vault.deleted(client, name);
  await client.beginRecoverDeletedSecret(name);
  expect(await refused(client.setSecret(name, "v"))).toEqual({
    status: 409,
    code: "Conflict",
    inner: "ObjectIsBeingRecovered",
  });
});

test.each(needs("control"))("a get that succeeds after a recover does not mean that a set does", async () => {
  const client = vault.client();
  const name = vault.freshName("recover");
  await client.setSecret(name, "v");
  await vault.deleted(client, name);
  await client.beginRecoverDeletedSecret(name);
  vault.emulator.clock.advance(1_000);
  expect((await client.getSecret(name)).value).toBe("v");
  expect(await refused(client.setSecret(name, "v"))).toMatchObject({ inner: "ObjectIsBeingRecovered" });
  vault.emulator.clock.advance(9_000);
  expect((await client.setSecret(name, "next")).value).toBe("next");
});

test.each(needs("control"))("two recovers at once are a conflict without an inner code", async () => {
  const client = vault.client();
  const name = vault.freshName("recover");
  await client.setSecret(name, "v");
  await vault.deleted(client, name);
  await client.beginRecoverDeletedSecret(name);
  expect(told(await vault.raw("POST", `/deletedsecrets/${name}/recover`))).toEqual({
    status: 409,
    code: "Conflict",
    inner: undefined,
  });
});

test.each(needs("minutes", "purge"))("a purge answers 204 with no body, and both gets say 404", async () => {
  const client = vault.client();
  const name = vault.freshName("purge");
  await client.setSecret(name, "v");
  await vault.deleted(client, name);
  expect(await vault.raw("DELETE", `/deletedsecrets/${name}`)).toMatchObject({ status: 204, text: "" });
  expect(await refused(client.getSecret(name))).toMatchObject({ status: 404 });
  expect(await refused(client.getDeletedSecret(name))).toMatchObject({ status: 404 });
});

test.each(needs("control"))("a purged name is free only after a while, which only a set shows", async () => {
  const client = vault.client();
  const name = vault.freshName("purge");
  await client.setSecret(name, "v");
  await vault.deleted(client, name);
  await client.purgeDeletedSecret(name);
  expect(await refused(client.setSecret(name, "v"))).toMatchObject({ status: 409, code: "Conflict" });
  vault.emulator.clock.advance(3_000);
  expect((await client.setSecret(name, "again")).value).toBe("again");
});

test.each(needs("control"))("a purged secret's versions are gone for good", async () => {
  const client = vault.client();
  const name = vault.freshName("purge");
  await client.setSecret(name, "v");
  await vault.deleted(client, name);
  await client.purgeDeletedSecret(name);
  vault.emulator.clock.advance(3_000);
  await client.setSecret(name, "again");
  const { json } = await vault.raw("GET", `/secrets/${name}/versions`);
  expect(json["value"]).toHaveLength(1);
});

test.each(needs("control"))("after the retention a deleted secret is gone by itself", async () => {
  const client = vault.client();
  const name = vault.freshName("purge");
  await client.setSecret(name, "v");
  await client.beginDeleteSecret(name);
  vault.emulator.clock.advance(90 * 86_400_000);
  expect(await refused(client.getDeletedSecret(name))).toMatchObject({ status: 404 });
  expect((await client.setSecret(name, "again")).value).toBe("again");
});

test.each(needs("control"))("with hostile delays a recovered name is closed to sets for 130 s", async () => {
  const client = vault.client();
  const name = vault.freshName("hostile");
  await client.setSecret(name, "v");
  await vault.deleted(client, name);
  vault.emulator.setSoftDelete("hostile");
  await vault.raw("POST", `/deletedsecrets/${name}/recover`);
  vault.emulator.setSoftDelete("azure");
  vault.emulator.clock.advance(129_999);
  expect(await refused(client.setSecret(name, "v"))).toMatchObject({ inner: "ObjectIsBeingRecovered" });
  vault.emulator.clock.advance(1);
  expect((await client.setSecret(name, "next")).value).toBe("next");
});

test.each(needs("control"))("other names are not touched by one that is being deleted", async () => {
  const client = vault.client();
  const [gone, kept] = [vault.freshName("delete"), vault.freshName("delete")];
  await client.setSecret(gone, "v");
  await client.beginDeleteSecret(gone);
  expect((await client.setSecret(kept, "v")).value).toBe("v");
});

test.each(needs("control"))("what is being deleted is not among the deleted yet", async () => {
  const client = vault.client("deleted-list");
  await client.setSecret("a", "v");
  await client.beginDeleteSecret("a");
  expect((await vault.raw("GET", "/deletedsecrets", { vault: "deleted-list" })).json["value"]).toEqual([]);
  vault.emulator.clock.advance(5_000);
  expect((await vault.raw("GET", "/deletedsecrets", { vault: "deleted-list" })).json["value"]).toHaveLength(
    1,
  );
});

test.each(needs("control"))("the deleted come in pages too", async () => {
  const client = vault.client("deleted-pages");
  for (let at = 0; at < 27; at += 1) {
    await client.setSecret(`gone-${at}`, "v");
    await client.beginDeleteSecret(`gone-${at}`);
  }
  vault.emulator.clock.advance(5_000);
  const sizes: number[] = [];
  for await (const page of client.listDeletedSecrets().byPage()) sizes.push(page.length);
  expect(sizes).toEqual([25, 2]);
});
