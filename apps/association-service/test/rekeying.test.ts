// Hazard mount-reenabled, after a person has confirmed: associations go on under the mount that stands there now (O20). On
// a real OpenBao and a real NATS, the test being detector and sink.
import { sourceConfirmationKey } from "@keyferry/bus";
import type { SyncCommand } from "@keyferry/contracts";
import { eventually } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorld, type World } from "./support/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld({ settleIntervalS: 1 });
});
afterAll(() => world[Symbol.asyncDispose]());

const SYNCED = { kind: "synced", version: 1, wrote: true } as const;

interface Before {
  readonly uid: string;
  readonly key: string;
  readonly accessor: string;
}

/** A synced pair on a mount of its own, and that mount disabled and enabled again. */
async function reenabled(name: string): Promise<Before> {
  const { uid } = await world.createDestination(name);
  await world.newMount(name);
  await world.write("a", name);
  await world.observe("a", name);
  await world.set(name, "a", name);
  await world.command(name, "a", ({ op }) => op === "sync", name);
  await world.end(name, "a", SYNCED, name);
  const key = await world.keyOf("a", name);
  const { accessor } = await world.refOf("a", name);
  await world.vault("DELETE", `sys/mounts/${name}`);
  await world.newMount(name);
  await world.write("a", name);
  return { uid, key, accessor };
}

async function confirm(mount: string, from: string): Promise<void> {
  const { accessor: to } = await world.refOf("a", mount);
  const about = { kind: "mount" as const, source: "main", namespace: "", mount };
  const record = {
    major: 1 as const,
    ...about,
    from,
    to,
    by: "a person",
    at: new Date().toISOString(),
    reason: "test",
  };
  const end = await world.bus.sourceConfirmations.put(sourceConfirmationKey(about), record, 0);
  expect(end.kind).toBe("stored");
}

const associationOf = async (uid: string, key: string) =>
  (await world.bus.associations.get(`${uid}.${key}`))?.value;

test("mount-reenabled: nothing moves before a person confirms; then uid and record go on under the new key", async () => {
  const before = await reenabled("confirmed");
  const { uid, key } = before;
  const old = await associationOf(uid, key);
  await threeRounds();
  expect(await associationOf(uid, key)).toEqual(old);

  await confirm("confirmed", before.accessor);
  const newKey = await world.keyOf("a", "confirmed");
  const carried = await eventually(
    async () => {
      const found = await associationOf(uid, newKey);
      return found?.state === "active" ? found : undefined;
    },
    { what: "the association under its new key" },
  );
  expect(carried).toMatchObject({ uid: old?.uid, spec: old?.spec, secretKey: newKey });
  expect(carried.movedTo).toBeUndefined();
  // The names that it holds are its own there, so that the first write needs no gap and leaves nothing behind.
  expect((await world.bus.results.last(uid, newKey))?.value).toMatchObject({
    association: old?.uid,
    names: { "kv-a": { state: "live" } },
    outcome: null,
  });
  await eventually(async () => (await associationOf(uid, key)) === undefined, {
    what: "the old key to be left",
  });
  expect(await world.bus.results.last(uid, key)).toBeUndefined();
  expect(await world.bus.commands.last(uid, key)).toBeUndefined();

  const event = await world.observe("a", "confirmed");
  const isNew = ({ expect: wish }: SyncCommand) => wish?.fingerprint === event.fingerprint;
  const command = await world.command("confirmed", "a", isNew, "confirmed");
  expect(command.value).toMatchObject({ op: "sync", association: old?.uid });
  // Nothing is ordered for what was left: no unsync would know that its names have another owner's key by now.
  await threeRounds();
  expect(await world.bus.commands.last(uid, key)).toBeUndefined();
});

test("KEY-2: an association with a write under way waits until that has ended", async () => {
  const before = await reenabled("busy");
  const { uid, key } = before;
  const last = await world.bus.results.last(uid, key);
  const name = last?.value.names["kv-a"];
  if (last === undefined || name === undefined) throw new Error("no record");
  const intent = {
    opId: "bbbbbbbbbbbbbbbbbbbb",
    action: "put" as const,
    fence: last.value.consumed,
    deadlineMs: 10_000,
  };
  const open = { ...last.value, kind: "intent" as const, names: { "kv-a": { ...name, intent } } };
  await world.bus.results.append(uid, key, open, last.sequence);
  await confirm("busy", before.accessor);
  await eventually(
    () => world.service.logs.some(({ message }) => message.includes("can't be re-keyed yet")),
    {
      what: "it to wait",
    },
  );
  expect((await associationOf(uid, key))?.state).toBe("active");
  const stored = await world.bus.results.last(uid, key);
  await world.bus.results.append(uid, key, last.value, stored?.sequence ?? 0);
  const newKey = await world.keyOf("a", "busy");
  await eventually(async () => (await associationOf(uid, newKey))?.state === "active", {
    what: "it to go on",
  });
});

test("KEY-3: what a crash left between the two keys is carried on", async () => {
  const before = await reenabled("crashed");
  const { uid, key } = before;
  const newKey = await world.keyOf("a", "crashed");
  const { accessor } = await world.refOf("a", "crashed");
  const old = await world.bus.associations.get(`${uid}.${key}`);
  if (old === undefined) throw new Error("no association");
  const movedTo = { accessor, secretKey: newKey };
  const arriving = {
    ...old.value,
    state: "moved" as const,
    secretKey: newKey,
    secret: { ...old.value.secret, accessor },
  };
  await world.bus.associations.put(`${uid}.${key}`, { ...old.value, state: "moved", movedTo }, old.sequence);
  await world.bus.associations.put(`${uid}.${newKey}`, arriving, 0);
  // KEY-1: as long as nobody has confirmed, nothing happens to either.
  await threeRounds();
  expect((await associationOf(uid, newKey))?.state).toBe("moved");
  await confirm("crashed", before.accessor);
  await eventually(async () => (await associationOf(uid, newKey))?.state === "active", {
    what: "it to arrive",
  });
  await eventually(async () => (await associationOf(uid, key)) === undefined, {
    what: "the old key to be left",
  });
  expect((await world.bus.results.last(uid, newKey))?.value.names["kv-a"]?.state).toBe("live");
});

test("one that was set anew under the new mount makes the old one go", async () => {
  const before = await reenabled("anew");
  await world.set("anew", "a", "anew");
  await confirm("anew", before.accessor);
  const removed = await eventually(
    async () => {
      const last = await world.bus.commands.last(before.uid, before.key);
      return last?.value.op === "unsync" ? last : undefined;
    },
    { what: "the old one's unsync" },
  );
  expect(removed.value.permit).toEqual({ by: "person" });
});

test("what a rule made of the old mount is unsynced within the budget, and made anew of the new one", async () => {
  const { uid } = await world.createDestination("ruled");
  await world.newMount("ruled");
  await world.write("a", "ruled");
  await world.observe("a", "ruled");
  await world.call("PUT", "sys/sync/rules/azure-kv/ruled/r", { mounts: "ruled" });
  await world.command("ruled", "a", ({ op }) => op === "sync", "ruled");
  await world.end("ruled", "a", SYNCED, "ruled");
  const key = await world.keyOf("a", "ruled");
  const { accessor } = await world.refOf("a", "ruled");
  await world.vault("DELETE", "sys/mounts/ruled");
  await world.newMount("ruled");
  await world.write("a", "ruled");
  await threeRounds();
  expect((await world.bus.commands.last(uid, key))?.value.op).toBe("sync");
  await confirm("ruled", accessor);
  await world.observe("a", "ruled");
  await world.command("ruled", "a", ({ op }) => op === "sync", "ruled");
  const old = await eventually(
    async () => {
      const last = await world.bus.commands.last(uid, key);
      return last?.value.op === "unsync" ? last : undefined;
    },
    { what: "the unsync of the old one" },
  );
  expect(old.value).toMatchObject({ expect: null, permit: { by: "budget" } });
});

// Rounds are counted, not waited out: each one ends in an event.
async function threeRounds(): Promise<void> {
  const rounds = () => world.service.logs.filter(({ message }) => message === "settle: round ended").length;
  const before = rounds();
  await eventually(() => rounds() >= before + 3, { what: "three rounds of settle" });
}
