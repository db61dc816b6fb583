// `purge_deleted`: what an unsync has deleted is purged, never what is not ours, and where Key Vault or the role forbid it
// the delete is all there is, told and not tried again. Also with purge protection and ninety days of retention.
import { DEFAULT_CLIENT_ID } from "@keyferry/key-vault-emulator";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type Pair, type SinkBench, silentEvents, startSinkBench } from "./support/sink-bench.ts";

const REMOVE = { op: "unsync", expect: null, permit: { by: "person" }, reason: "remove" } as const;
const PURGE = { purgeDeleted: true };
const DAY_MS = 86_400_000;

let bench: SinkBench;
let protectedBench: SinkBench;

beforeAll(async () => {
  [bench, protectedBench] = await Promise.all([
    startSinkBench(),
    startSinkBench({ vaultDefaults: { purgeProtection: true, retentionDays: 90 } }),
  ]);
});

afterAll(async () => {
  await Promise.all([bench[Symbol.asyncDispose](), protectedBench[Symbol.asyncDispose]()]);
});

const effectsOf = (on: SinkBench, { vault }: Pair): string[] =>
  on.servers.emulator.oracle.effects({ vault }).map(({ kind }) => kind);

async function synced(on: SinkBench, pair: Pair): Promise<void> {
  await on.write(pair, { a: "1" });
  expect((await on.sync(pair)).outcome).toMatchObject({ kind: "synced" });
}

test("what an unsync has deleted is purged once Key Vault has ended the delete, and the name is free", async () => {
  const pair = bench.pair("app", PURGE);
  await synced(bench, pair);
  const deleted = await bench.sync(pair, REMOVE);
  // A purge too early is refused; nobody waits for it but the name itself.
  expect(deleted.outcome).toMatchObject({ kind: "waiting", error: { code: "vault-conflict" } });
  const purged = await bench.wakeUntil(deleted, "unsynced");
  expect(purged.names).toEqual({});
  expect(effectsOf(bench, pair)).toEqual(["set", "delete", "purge"]);
  // Not a recovery: what comes next is new.
  bench.advance(1_000);
  await synced(bench, pair);
  expect(effectsOf(bench, pair)).toEqual(["set", "delete", "purge", "set"]);
});

test("without purge_deleted nothing is purged", async () => {
  const pair = bench.pair();
  await synced(bench, pair);
  expect((await bench.sync(pair, REMOVE)).outcome).toMatchObject({ kind: "unsynced" });
  expect(effectsOf(bench, pair)).toEqual(["set", "delete"]);
  expect(bench.calls(pair)["getDeleted"]).toBeUndefined();
});

test("secret-key: the names of dropped keys are purged, those of the others stay", async () => {
  const pair = bench.pair("{{ .SecretBaseName }}-{{ .SecretKey }}", PURGE);
  const spec = { ...pair.destination.spec, granularity: "secret-key" as const };
  await bench.write(pair, { a: "1", b: "1" });
  await bench.sync(pair, { spec });
  await bench.write(pair, { a: "1" });
  const dropped = await bench.sync(pair, { spec, permit: { by: "person" } });
  const end = await bench.wakeUntil(dropped, "synced");
  expect(Object.keys(end.names)).toEqual([`${pair.path}-a`]);
  expect(effectsOf(bench, pair).toSorted()).toEqual(["delete", "purge", "set", "set", "set"]);
});

test("P3: a deleted secret that is not ours is never purged", async () => {
  const pair = bench.pair("app", PURGE);
  await synced(bench, pair);
  const deleted = await bench.sync(pair, REMOVE);
  // While the purge waits somebody else purges it, makes a secret of that name, and deletes it.
  const signal = AbortSignal.timeout(10_000);
  const theirs = bench.keyVault(pair);
  bench.advance(1_000);
  await theirs.purge("app", { signal });
  bench.advance(1_000);
  await bench.byHand(pair, "theirs");
  await theirs.delete("app", { signal });
  bench.advance(1_000);
  const end = await bench.wakeUntil(deleted, "unsynced");
  expect(end.names).toEqual({});
  expect(effectsOf(bench, pair)).toEqual(["set", "delete", "purge", "set", "delete"]);
});

test("a role that may not purge: the delete stands, it is told once, and not tried again", async () => {
  const [pair, other] = bench.siblings(bench.pair("{{ .SecretBaseName }}", PURGE), 2);
  if (pair === undefined || other === undefined) throw new Error("no pairs");
  const actions = ["setSecret", "readMetadata", "update", "delete", "recover"] as const;
  bench.servers.emulator.access.grant(DEFAULT_CLIENT_ID, { model: "rbac", actions }, pair.vault);
  await synced(bench, pair);
  const deleted = await bench.sync(pair, REMOVE);
  const end = await bench.wakeUntil(deleted, "unsynced");
  expect(end.names[pair.path]).toMatchObject({ state: "deleted", notPurged: "denied" });
  await bench.sync(pair, REMOVE);
  expect(bench.calls(pair)["purge"]).toBe(1);
  // The rest of the destination goes on: a refused purge is no fault of the vault.
  await synced(bench, other);
});

test("purge protection: the purge is not even sent, and the refusal says why", async () => {
  const pair = protectedBench.pair("app", PURGE);
  await synced(protectedBench, pair);
  const purgeRefused = vi.fn();
  const deps = { events: { ...silentEvents, purgeRefused } };
  const command = await protectedBench.command(pair, REMOVE);
  await protectedBench.run(command, await protectedBench.publish(command), { deps });
  protectedBench.advance(10_000);
  await protectedBench.wakeDue(deps);
  const record = await protectedBench.record(command);
  expect(record.outcome).toMatchObject({ kind: "unsynced" });
  expect(record.names["app"]).toMatchObject({ state: "deleted", notPurged: "protected" });
  expect(purgeRefused.mock.calls).toMatchObject([[{ name: "app", why: "protected" }]]);
  expect(protectedBench.calls(pair)["purge"]).toBeUndefined();
});

test("purge protection: Key Vault's own refusal, 403, is told as one", async () => {
  const pair = protectedBench.pair();
  await synced(protectedBench, pair);
  await protectedBench.sync(pair, REMOVE);
  protectedBench.advance(1_000);
  const signal = AbortSignal.timeout(10_000);
  const vault = protectedBench.keyVault(pair);
  await expect(vault.purge("app", { signal })).rejects.toMatchObject({
    code: "vault-denied",
    details: { status: 403 },
  });
  expect(await vault.deleted("app", { signal })).toMatchObject({ recoveryLevel: "Recoverable" });
});

test("purge protection, 90 days: a sync before their end recovers what was deleted, one after it makes it anew", async () => {
  const early = protectedBench.pair("app", PURGE);
  const late = protectedBench.pair("app", PURGE);
  for (const pair of [early, late]) {
    await synced(protectedBench, pair);
    const deleted = await protectedBench.sync(pair, REMOVE);
    await protectedBench.wakeUntil(deleted, "unsynced");
  }
  protectedBench.advance(89 * DAY_MS);
  const recovering = await protectedBench.sync(early, { reason: "set" });
  await protectedBench.wakeUntil(recovering, "synced");
  expect(effectsOf(protectedBench, early)).toEqual(["set", "delete", "recover", "set"]);
  protectedBench.advance(2 * DAY_MS);
  expect((await protectedBench.sync(late, { reason: "set" })).outcome).toMatchObject({ kind: "synced" });
  expect(effectsOf(protectedBench, late)).toEqual(["set", "delete", "set"]);
  expect(protectedBench.value(late)).toBe('{"a":"1"}');
});
