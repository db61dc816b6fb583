// force_delete: for destinations whose credentials are dead. Nothing is unsynced; everything of ours goes at once.
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorld, type World } from "./support/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const SYNCED = { kind: "synced", version: 1, wrote: true } as const;
const urlOf = (name: string) => `sys/sync/destinations/azure-kv/${name}`;
const orphans = () => world.service.logs.filter(({ message }) => message.startsWith("left in Key Vault"));

/** A destination with two secrets: one is in Key Vault, one is not. */
async function destinationInUse(name: string): Promise<string> {
  const { uid } = await world.createDestination(name);
  for (const path of [`${name}/live`, `${name}/waits`]) {
    await world.write(path);
    await world.set(name, path);
    await world.observe(path);
    await world.command(name, path);
  }
  await world.end(name, `${name}/live`, SYNCED);
  return uid;
}

async function expectGone(name: string, uid: string): Promise<void> {
  expect((await world.call("GET", urlOf(name))).status).toBe(404);
  for (const path of [`${name}/live`, `${name}/waits`]) {
    const query = `mount=secret&secret_name=${path}`;
    expect((await world.call("GET", `sys/sync/associations/destinations?${query}`)).status).toBe(404);
    expect(await world.association(name, path)).toBeUndefined();
    expect(await world.bus.commands.last(uid, await world.keyOf(path))).toBeUndefined();
  }
}

test("destination, associations and commands are gone when it answers, and the log names what is left", async () => {
  const uid = await destinationInUse("forced");
  expect((await world.call("DELETE", `${urlOf("forced")}?force_delete=true`)).status).toBe(204);
  await expectGone("forced", uid);
  expect(orphans().map(({ fields }) => fields)).toEqual([
    expect.objectContaining({
      destination: "forced",
      keyVaultUri: expect.stringMatching(/^https:\/\/kv-\w+\.vault\.azure\.net$/),
      mount: "secret",
      path: "forced/live",
      externalNames: ["kv-forced-live"],
    }),
  ]);
  const secret = await world.source.readSecret({
    namespace: "",
    mount: "keyferry",
    path: `destinations/${uid}`,
  });
  expect(secret.kind).toBe("absent");
});

test("the name is free at once: a destination made anew under it starts with nothing", async () => {
  const uid = await destinationInUse("again");
  await world.call("DELETE", `${urlOf("again")}?force_delete=true`);
  const made = await world.createDestination("again");
  expect(made.uid).not.toBe(uid);
  const rows = await world.call("GET", `${urlOf("again")}/associations`);
  expect(rows.data["associated_secrets"]).toEqual({});
});

test("a purge that can't end is ended by force, its tombstones too", async () => {
  const uid = await destinationInUse("stuck");
  expect((await world.call("DELETE", `${urlOf("stuck")}?purge=true`)).status).toBe(204);
  await world.command("stuck", "stuck/live", ({ op }) => op === "unsync");
  expect((await world.call("GET", urlOf("stuck"))).data).toHaveProperty("purge_initiated_at");
  expect((await world.call("DELETE", `${urlOf("stuck")}?force_delete=true`)).status).toBe(204);
  expect((await world.call("GET", urlOf("stuck"))).status).toBe(404);
  expect(await world.association("stuck", "stuck/live")).toBeUndefined();
  expect(uid).toMatch(/^[a-z2-7]+$/);
});

test("sets that run beside it are refused or gone with it: none is left without its destination", async () => {
  for (let round = 0; round < 5; round += 1) {
    const name = `beside-${round}`;
    await destinationInUse(name);
    await world.write(`${name}/late`);
    const [set, deleted] = await Promise.all([
      world.set(name, `${name}/late`),
      world.call("DELETE", `${urlOf(name)}?force_delete=true`),
    ]);
    expect(deleted.status).toBe(204);
    expect([200, 400, 404]).toContain(set.status);
    expect((await world.call("GET", urlOf(name))).status).toBe(404);
    expect(await world.association(name, `${name}/late`)).toBeUndefined();
  }
});

test("it takes delete on the path, as any deletion", async () => {
  await world.createDestination("guarded");
  const token = await world.tokenFor(`path "${urlOf("guarded")}" { capabilities = ["update", "read"] }`);
  const answer = await world.call("DELETE", `${urlOf("guarded")}?force_delete=true`, undefined, { token });
  expect(answer.status).toBe(403);
  expect((await world.call("GET", urlOf("guarded"))).status).toBe(200);
});
