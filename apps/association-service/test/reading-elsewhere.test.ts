// What one service answered is seen by every other, and what a person asks for works without the source's help.
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorld, type World } from "./support/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

test("set-then-read-elsewhere: what was set or removed by one service is in the next list of another", async () => {
  const other = await world.another();
  await world.createDestination("nodes");
  const read = async () => {
    const url = `${other.api}/v1/sys/sync/destinations/azure-kv/nodes/associations`;
    const answer = await fetch(url, { headers: { "x-vault-token": world.bao.rootToken } });
    const body = (await answer.json()) as { data: { associated_secrets: Record<string, unknown> } };
    return Object.keys(body.data.associated_secrets).length;
  };
  for (const [index, path] of ["one", "two", "three"].entries()) {
    await world.write(path);
    await world.set("nodes", path);
    expect(await read()).toBe(index + 1);
  }
  await world.remove("nodes", "two");
  expect(await read()).toBe(2);
  await other.close();
});

test("template-patched: a destination's new template reaches what is set from then on, and others by a refresh", async () => {
  await world.createDestination("patched", { secret_name_template: "old-{{ .SecretPath }}" });
  for (const path of ["before", "after"]) await world.write(path);
  await world.set("patched", "before");
  await world.observe("before");
  await world.call(
    "PATCH",
    "sys/sync/destinations/azure-kv/patched",
    { secret_name_template: "new-{{ .SecretPath }}" },
    { headers: { "content-type": "application/merge-patch+json" } },
  );
  await world.set("patched", "after");
  await world.observe("after");
  const template = async (path: string, wanted: string) =>
    (await world.command("patched", path, ({ spec }) => spec.nameTemplate.startsWith(wanted))).value.op;
  expect(await template("after", "new-")).toBe("sync");
  await world.write("before");
  const event = await world.observe("before");
  const next = await world.command("patched", "before", (c) => c.expect?.fingerprint === event.fingerprint);
  expect(next.value.spec.nameTemplate).toMatch(/^old-/);
  await world.set("patched", "before");
  expect(await template("before", "new-")).toBe("sync");
});

test("unsync-without-source: an association of a mount that is gone is removed, and its unsync asks nothing", async () => {
  await world.createDestination("sourceless");
  await world.newMount("leaving");
  await world.write("a", "leaving");
  await world.observe("a", "leaving");
  await world.set("sourceless", "a", "leaving");
  const { value } = await world.command("sourceless", "a", ({ op }) => op === "sync", "leaving");
  await world.vault("DELETE", "sys/mounts/leaving");
  expect((await world.remove("sourceless", "a", "leaving")).status).toBe(200);
  const { uid } = await world.destination("sourceless");
  const unsync = async () => (await world.bus.commands.last(uid, value.secretKey))?.value;
  await expect.poll(async () => (await unsync())?.op, { timeout: 20_000 }).toBe("unsync");
  expect(await unsync()).toMatchObject({ expect: null, permit: { by: "person" } });
});
