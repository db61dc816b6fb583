// From what the detector saw to commands, and from outcomes back: on real NATS, the test being detector and sink.
import type { AssociationRecord, Hint } from "@keyferry/contracts";
import { newUid } from "@keyferry/naming";
import { systemRandom } from "@keyferry/ports";
import { eventually } from "@keyferry/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startWorld, type World } from "./support/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const SYNCED = { kind: "synced", version: 1, wrote: true } as const;
const UNSYNCED = { kind: "unsynced", wrote: true } as const;

async function statusOf(destination: string, path: string): Promise<Record<string, unknown>> {
  const answer = await world.call("GET", `sys/sync/destinations/azure-kv/${destination}/associations`);
  const rows = answer.data["associated_secrets"] as Record<string, Record<string, unknown>>;
  const { accessor } = await world.refOf(path);
  return rows[`${accessor}/${path}`] ?? {};
}

describe("a secret's life", () => {
  beforeAll(() => world.createDestination("life"));

  test("no-state-is-not-gone: a secret without a state is asked for, not unsynced", async () => {
    const hints: Hint[] = [];
    const subscription = world.bus.hints.subscribe(
      "main",
      (hint) => hints.push(hint),
      () => undefined,
    );
    await world.write("life");
    await world.set("life", "life");
    await eventually(() => hints.some((hint) => hint.path === "life"), { what: "a hint to look" });
    subscription.close();
    expect(hints.find((hint) => hint.path === "life")).toMatchObject({
      mount: "secret",
      operation: "look",
      channel: "resolver",
    });
    const { uid } = await world.destination("life");
    expect(await world.bus.commands.last(uid, await world.keyOf("life"))).toBeUndefined();
    expect(await statusOf("life", "life")).toMatchObject({
      sync_status: "PENDING",
      reason: expect.stringContaining("not-looked-at-yet"),
    });
  });

  test("its first observation becomes one complete sync command in the live lane", async () => {
    const event = await world.observe("life");
    const command = await world.command("life", "life");
    expect(command.lane).toBe("live");
    expect(command.value).toMatchObject({
      op: "sync",
      permit: null,
      reason: "source",
      secret: await world.refOf("life"),
      spec: { granularity: "secret-path", customTags: {} },
      expect: { current: 1, fingerprint: event.fingerprint },
    });
    expect(command.value.epoch).toBeGreaterThan(1_700_000_000_000);
    expect(await statusOf("life", "life")).toMatchObject({
      sync_status: "PENDING",
      reason: expect.stringContaining("queued"),
    });
  });

  test("its outcome shows as SYNCED with version and external name", async () => {
    await world.end("life", "life", SYNCED);
    expect(await statusOf("life", "life")).toMatchObject({
      sync_status: "SYNCED",
      version: 1,
      external_name: "kv-life",
    });
  });

  test("the same state again makes no second command", async () => {
    const before = await world.command("life", "life");
    await world.observe("life");
    await world.write("life");
    await world.observe("life");
    const after = await world.command("life", "life", ({ expect: wish }) => wish?.current === 2);
    // One command for the new version, none in between for the repeated observation.
    expect(after.sequence).toBe(before.sequence + 1);
  });

  test("a deleted latest version falls back to the highest live one: still a sync", async () => {
    await world.end("life", "life", { ...SYNCED, version: 2 });
    await world.vault("DELETE", "secret/data/life");
    const event = await world.observe("life");
    const command = await world.command("life", "life", (c) => c.expect?.fingerprint === event.fingerprint);
    expect(command.value.op).toBe("sync");
  });

  test("without a live version it is unsynced, with a permit from the budget and an exact expectation", async () => {
    await world.end("life", "life", SYNCED);
    await world.vault("POST", "secret/delete/life", { versions: [1, 2] });
    const event = await world.observe("life");
    const command = await world.command("life", "life", ({ op }) => op === "unsync");
    expect(command.value).toMatchObject({
      expect: { current: 2, fingerprint: event.fingerprint },
      permit: { by: "budget", fingerprint: event.fingerprint },
    });
    await world.end("life", "life", UNSYNCED);
    expect(await statusOf("life", "life")).toMatchObject({ sync_status: "UNSYNCED" });
    const { uid } = await world.destination("life");
    expect((await world.bus.budgets.get(`budget.${uid}`))?.value.spent).toHaveLength(1);
  });

  test("metadata deleted: unsynced if it was synced; the association stays and a re-created path syncs again", async () => {
    await world.write("life");
    const alive = await world.observe("life");
    await world.command("life", "life", (c) => c.expect?.fingerprint === alive.fingerprint);
    await world.end("life", "life", { ...SYNCED, version: 3 });
    await world.vault("DELETE", "secret/metadata/life");
    await world.observe("life");
    const gone = await world.command("life", "life", ({ op }) => op === "unsync");
    expect(gone.value.expect).toEqual({ incarnation: null, current: 0, fingerprint: "f1.gone" });
    await world.write("life");
    const again = await world.observe("life");
    await world.command(
      "life",
      "life",
      (c) => c.expect?.fingerprint === again.fingerprint && c.op === "sync",
    );
  });
});

describe("removing", () => {
  test("a removed association leads to an unsync that expects nothing, and its tombstone goes with the outcome", async () => {
    await world.createDestination("removing");
    await world.write("removed");
    await world.set("removing", "removed");
    await world.observe("removed");
    await world.command("removing", "removed");
    await world.end("removing", "removed", SYNCED);
    await world.remove("removing", "removed");
    const command = await world.command("removing", "removed", ({ op }) => op === "unsync");
    expect(command).toMatchObject({
      lane: "live",
      value: { expect: null, permit: { by: "person" }, reason: "remove" },
    });
    expect(await world.association("removing", "removed")).toMatchObject({ state: "removed" });
    await world.end("removing", "removed", UNSYNCED);
    await eventually(async () => (await world.association("removing", "removed")) === undefined, {
      what: "the tombstone to go",
    });
  });

  test("remove-then-destroy: Terraform's destroy succeeds while the unsync is pending, and its credential stays until it has ended", async () => {
    const { uid } = await world.createDestination("destroyed");
    await world.write("destroyed");
    await world.set("destroyed", "destroyed");
    await world.observe("destroyed");
    await world.command("destroyed", "destroyed");
    await world.end("destroyed", "destroyed", SYNCED);
    expect((await world.call("DELETE", "sys/sync/destinations/azure-kv/destroyed")).status).toBe(400);
    expect((await world.remove("destroyed", "destroyed")).status).toBe(200);
    const destroyed = await world.call("DELETE", "sys/sync/destinations/azure-kv/destroyed");
    expect([destroyed.status, destroyed.text]).toEqual([204, ""]);
    expect((await world.call("GET", "sys/sync/destinations/azure-kv/destroyed")).status).toBe(404);

    const unsync = await world.command("destroyed", "destroyed", ({ op }) => op === "unsync");
    expect(unsync.value.destination).toBe(uid);
    expect((await world.vault("GET", `keyferry/data/destinations/${uid}`)).status).toBe(200);
    expect((await world.bus.destinations.get(`retired.${uid}`))?.value.state).toBe("retired");
    await world.end("destroyed", "destroyed", UNSYNCED);
    await eventually(async () => (await world.bus.destinations.get(`retired.${uid}`)) === undefined, {
      what: "the retired destination to go",
    });
    await expect(world.vault("GET", `keyferry/data/destinations/${uid}`)).rejects.toThrow("404");
  });

  test("same-name-other-destination: a name that is used again is another destination", async () => {
    const first = await world.createDestination("reused");
    await world.call("DELETE", "sys/sync/destinations/azure-kv/reused");
    const second = await world.createDestination("reused", {
      key_vault_uri: "https://other.vault.azure.net",
    });
    expect(second.uid).not.toBe(first.uid);
  });

  test("a removed association that is set again before its unsync ended keeps its uid and is synced", async () => {
    await world.createDestination("revived");
    await world.write("revived");
    await world.set("revived", "revived");
    await world.observe("revived");
    await world.command("revived", "revived");
    await world.end("revived", "revived", SYNCED);
    const before = await world.association("revived", "revived");
    await world.remove("revived", "revived");
    await world.command("revived", "revived", ({ op }) => op === "unsync");
    await world.set("revived", "revived");
    const command = await world.command("revived", "revived", ({ op }) => op === "sync");
    expect(command.value.association).toBe(before?.uid);
  });

  test("purge unsyncs everything in the bulk lane, refuses set and remove meanwhile, and ends by itself", async () => {
    const { uid } = await world.createDestination("purged");
    await world.write("purged");
    await world.set("purged", "purged");
    await world.observe("purged");
    await world.command("purged", "purged");
    await world.end("purged", "purged", SYNCED);
    expect((await world.call("DELETE", "sys/sync/destinations/azure-kv/purged?purge=true")).status).toBe(204);
    const shown = await world.call("GET", "sys/sync/destinations/azure-kv/purged");
    expect(shown.data["purge_initiated_at"]).toMatch(/^\d{4}-/);
    const refused = await world.set("purged", "purged");
    expect([refused.status, refused.errors.join()]).toEqual([
      400,
      expect.stringContaining("purge in progress"),
    ]);
    expect((await world.remove("purged", "purged")).status).toBe(400);

    const unsync = await world.command("purged", "purged", ({ op }) => op === "unsync");
    expect(unsync).toMatchObject({ lane: "bulk", value: { permit: { by: "person" }, reason: "purge" } });
    await world.end("purged", "purged", UNSYNCED);
    await eventually(
      async () => (await world.call("GET", "sys/sync/destinations/azure-kv/purged")).status === 404,
      { what: "the purge to end" },
    );
    const budget = await world.bus.budgets.get(`budget.${uid}`);
    expect(budget).toBeUndefined();
  });
});

describe("interleavings", () => {
  test("crash-after-the-kv-write: an association that is only in the bucket is resolved all the same", async () => {
    const destination = await world.createDestination("crash");
    await world.write("crash");
    await world.observe("crash");
    const secretKey = await world.keyOf("crash");
    const now = new Date().toISOString();
    const record: AssociationRecord = {
      major: 1,
      uid: newUid(systemRandom),
      state: "active",
      destination: destination.uid,
      secretKey,
      secret: await world.refOf("crash"),
      spec: destination.spec,
      createdAt: now,
      updatedAt: now,
    };
    // The service died right after this write: nothing told a resolver but the bucket itself.
    await world.bus.associations.put(`${destination.uid}.${secretKey}`, record, 0);
    const command = await world.command("crash", "crash");
    expect(command.value).toMatchObject({ op: "sync", association: record.uid });
  });

  test("redelivered-event: two services on one stream of events make one command per change", async () => {
    const other = await world.another();
    await world.createDestination("race");
    await world.write("race");
    await world.set("race", "race");
    const before = (await world.bus.streamInfo())["SYNC_DESIRED"]?.lastSequence ?? 0;
    await world.observe("race");
    await world.command("race", "race");
    for (let version = 2; version <= 6; version += 1) {
      await world.write("race");
      const event = await world.observe("race");
      await world.command("race", "race", (c) => c.expect?.fingerprint === event.fingerprint);
    }
    const after = (await world.bus.streamInfo())["SYNC_DESIRED"]?.lastSequence ?? 0;
    await other.close();
    expect(after - before).toBe(6);
  });

  test("setting again retries what was refused", async () => {
    await world.createDestination("retry");
    await world.write("retry");
    await world.set("retry", "retry");
    await world.observe("retry");
    const first = await world.command("retry", "retry");
    const error = {
      code: "foreign-owner",
      class: "client-side",
      retry: "hopeless",
      message: "a secret of this name exists",
      advice: "Rename it.",
      details: {},
    } as const;
    await world.end("retry", "retry", { kind: "refused", error });
    expect(await statusOf("retry", "retry")).toMatchObject({
      sync_status: "CLIENT_SIDE_ERROR",
      reason: "foreign-owner: a secret of this name exists",
      next_step: "Rename it.",
    });
    await world.set("retry", "retry");
    const again = await eventually(
      async () => {
        const last = await world.command("retry", "retry");
        return last.sequence > first.sequence ? last : undefined;
      },
      { what: "the command once more" },
    );
    expect(again.value.op).toBe("sync");
  });
});
