// What a destination's policy does with what is not ours, and with what is no longer wished: judged by the emulator.
import { ownerTags, readOwner } from "@keyferry/naming";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Pair, type SinkBench, startSinkBench } from "./support/sink-bench.ts";

let bench: SinkBench;

beforeAll(async () => {
  bench = await startSinkBench();
});

afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

const REMOVE = { op: "unsync", expect: null, permit: { by: "person" }, reason: "remove" } as const;
const MARK = {
  association: "otherassociation",
  fence: { epoch: 1, sequence: 1 },
  opId: "op1",
  sourceVersion: 1,
  digest: "k1.d",
};

const placement = (pair: Pair, instanceId = "instanceaaaaa") => ({
  instanceId,
  vaultHost: `${pair.vault}.vault.azure.net`,
  lowerName: "app",
});

/** Tags that another instance of Keyferry has signed. */
const otherInstances = (pair: Pair): Record<string, string> =>
  ownerTags(
    { ...placement(pair, "instancebbbbb"), ...MARK },
    { active: "k1", keys: new Map([["k1", Buffer.alloc(32, 1)]]) },
  );

const ownerOf = (pair: Pair, tags: Readonly<Record<string, string>> | undefined) =>
  readOwner(tags, placement(pair), bench.dependencies().identity.tagKeys).kind;

const enabledOf = (pair: Pair): boolean[] =>
  (bench.secret(pair)?.versions ?? []).map(({ enabled }) => enabled);

test("refuse: a secret that somebody else made is left, and the outcome says whose it is and how to adopt it", async () => {
  const pair = bench.pair();
  await bench.byHand(pair, "theirs");
  await bench.write(pair, { a: "1" });
  const { outcome } = await bench.sync(pair);
  expect(outcome).toMatchObject({ kind: "refused", error: { code: "foreign-owner" } });
  expect(outcome?.kind === "refused" && outcome.error.advice).toMatch(/adopt/);
  expect(bench.value(pair)).toBe("theirs");
});

test("blind-first-put: a name that a person has taken since a list was made is looked at before the write", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  const command = await bench.command(pair);
  const sequence = await bench.publish(command);
  await bench.byHand(pair, "theirs");
  await bench.run(command, sequence);
  expect((await bench.record(command)).outcome).toMatchObject({ kind: "refused" });
  expect(bench.value(pair)).toBe("theirs");
});

test("adopt: a secret without anybody's mark is taken over; its next version is ours", async () => {
  const pair = bench.pair("app", { ownership: "adopt" });
  await bench.byHand(pair, "theirs");
  await bench.write(pair, { a: "1" });
  expect((await bench.sync(pair)).outcome).toMatchObject({ kind: "synced" });
  expect(bench.value(pair)).toBe('{"a":"1"}');
});

test.each(["adopt", "overwrite"] as const)(
  "%s: what another instance of Keyferry holds is taken over by overwrite alone",
  async (ownership) => {
    const pair = bench.pair("app", { ownership });
    await bench.byHand(pair, "theirs", otherInstances(pair));
    await bench.write(pair, { a: "1" });
    const { outcome } = await bench.sync(pair);
    expect(outcome?.kind).toBe(ownership === "adopt" ? "refused" : "synced");
    expect(bench.value(pair)).toBe(ownership === "adopt" ? "theirs" : '{"a":"1"}');
  },
);

test("overwrite: a certificate's secret and a living association of ours are never taken over", async () => {
  const pair = bench.pair("app", { ownership: "overwrite" });
  bench.servers.emulator.putManaged(pair.vault, "app", "certificate");
  await bench.write(pair, { a: "1" });
  expect((await bench.sync(pair)).outcome).toMatchObject({ kind: "refused" });
  const first = bench.pair("app", { ownership: "overwrite" });
  const [second = first] = bench.siblings(first, 1);
  await bench.write(first, { a: "first" });
  await bench.write(second, { a: "second" });
  await bench.sync(first);
  expect((await bench.sync(second)).outcome).toMatchObject({
    kind: "waiting",
    error: { code: "name-taken" },
  });
  expect(bench.value(first)).toBe('{"a":"first"}');
});

test("tag-key-lost: a mark of a key that we do not have is no ground to write, under any policy", async () => {
  const pair = bench.pair("app", { ownership: "overwrite" });
  const tagKeys = { active: "lost", keys: new Map([["lost", Buffer.alloc(32, 1)]]) };
  await bench.byHand(pair, "ours, maybe", ownerTags({ ...placement(pair), ...MARK }, tagKeys));
  await bench.write(pair, { a: "1" });
  const { outcome } = await bench.sync(pair);
  expect(outcome).toMatchObject({ kind: "refused", error: { details: { mark: "unknown-key" } } });
  expect(bench.value(pair)).toBe("ours, maybe");
});

test("copied-tags: our tags on another name are a forgery there, not ours", async () => {
  const pair = bench.pair();
  const elsewhere = { ...placement(pair), lowerName: "elsewhere" };
  const tags = ownerTags({ ...elsewhere, ...MARK }, bench.dependencies().identity.tagKeys);
  await bench.byHand(pair, "theirs", tags);
  await bench.write(pair, { a: "1" });
  expect((await bench.sync(pair)).outcome).toMatchObject({
    kind: "refused",
    error: { details: { mark: "forged" } },
  });
});

test("foreign-soft-deleted: refused by default; adopt recovers and writes it", async () => {
  const pair = bench.pair();
  await bench.byHand(pair, "theirs");
  await bench.keyVault(pair).delete("app", { signal: AbortSignal.timeout(10_000) });
  await bench.write(pair, { a: "1" });
  const refused = await bench.wakeUntil(await bench.sync(pair), "refused");
  expect(refused.outcome).toMatchObject({ error: { code: "foreign-owner" } });
  expect(bench.secret(pair)).toBeUndefined();
  bench.setPolicy(pair, { ownership: "adopt" });
  await bench.wakeUntil(await bench.sync(pair, { reason: "settle" }), "synced");
  expect(bench.value(pair)).toBe('{"a":"1"}');
}, 60_000);

test("adopted-then-unclaimed: an adopted name stays ours after its record is lost", async () => {
  const pair = bench.pair("app", { ownership: "adopt" });
  await bench.byHand(pair, "theirs");
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  // The same association under another subject: as after a loss of its record.
  const other = { ...pair, path: `${pair.path}-again` };
  bench.setPolicy(pair, {});
  await bench.write(other, { a: "2" });
  expect((await bench.sync(other)).outcome).toMatchObject({ kind: "synced" });
  expect(bench.value(pair)).toBe('{"a":"2"}');
});

test("purged-and-remade: an unsync leaves what a person made after our secret was purged", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  const call = { signal: AbortSignal.timeout(10_000) };
  await bench.keyVault(pair).delete("app", call);
  bench.advance(10_000);
  await bench.keyVault(pair).purge("app", call);
  bench.advance(10_000);
  await bench.byHand(pair, "theirs");
  expect((await bench.sync(pair, REMOVE)).outcome).toMatchObject({ kind: "unsynced", wrote: false });
  expect(bench.value(pair)).toBe("theirs");
});

test("disable-one-version: an unsync disables every version of ours, and leaves those of a person", async () => {
  const pair = bench.pair("app", { onDelete: "disable" });
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  await bench.write(pair, { a: "2" });
  await bench.sync(pair);
  await bench.byHand(pair, "theirs");
  const record = await bench.sync(pair, REMOVE);
  expect(record.outcome).toMatchObject({ kind: "unsynced", wrote: true });
  expect(record.names["app"]).toMatchObject({ state: "disabled", applied: null });
  expect(enabledOf(pair)).toEqual([false, false, true]);
  const calls = bench.calls(pair);
  expect((await bench.sync(pair, REMOVE)).outcome).toMatchObject({ kind: "unsynced", wrote: false });
  expect(bench.calls(pair)).toEqual(calls);
});

test("a disabled secret that is wished again gets one new version, which is enabled", async () => {
  const pair = bench.pair("app", { onDelete: "disable" });
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  await bench.sync(pair, REMOVE);
  expect((await bench.sync(pair, { reason: "set" })).outcome).toMatchObject({ kind: "synced" });
  expect(enabledOf(pair)).toEqual([false, true]);
});

test("a disable that breaks off half way is taken up again, and a wish in between enables all that it wants", async () => {
  const pair = bench.pair("app", { onDelete: "disable" });
  for (const a of ["1", "2"]) {
    await bench.write(pair, { a });
    await bench.sync(pair);
  }
  bench.servers.emulator.faults.add({
    fault: { kind: "error", status: 503, code: "ServiceUnavailable" },
    operations: ["update"],
    vault: pair.vault,
    count: 1,
  });
  const waiting = await bench.sync(pair, REMOVE);
  expect(waiting.outcome).toMatchObject({ kind: "waiting" });
  await bench.wakeUntil(waiting, "unsynced");
  expect(enabledOf(pair)).toEqual([false, false]);
  await bench.sync(pair, { reason: "set" });
  expect(enabledOf(pair).at(-1)).toBe(true);
}, 60_000);

test("retained-still-ours: a retained secret keeps its value and no mark of ours on any version", async () => {
  const pair = bench.pair("app", { onDelete: "retain" });
  const spec = { ...pair.destination.spec, customTags: { team: "blue" } };
  for (const a of ["1", "2"]) {
    await bench.write(pair, { a });
    await bench.sync(pair, { spec });
  }
  const record = await bench.sync(pair, { ...REMOVE, spec });
  expect(record.names["app"]).toMatchObject({ state: "released", applied: null });
  const versions = bench.secret(pair)?.versions ?? [];
  expect(versions.map(({ tags }) => ownerOf(pair, tags))).toEqual(["released", "released"]);
  expect(versions.map(({ tags }) => tags?.["team"])).toEqual(["blue", "blue"]);
  expect(bench.value(pair)).toBe('{"a":"2"}');
  // A later unsync, under whatever policy, leaves it alone.
  bench.setPolicy(pair, { onDelete: "delete" });
  await bench.sync(pair, REMOVE);
  expect(bench.value(pair)).toBe('{"a":"2"}');
});

test("what was retained is taken up by the secret that it came from, and by nobody else", async () => {
  const pair = bench.pair("app", { onDelete: "retain" });
  const [other = pair] = bench.siblings(pair, 1);
  await bench.write(pair, { a: "1" });
  await bench.write(other, { a: "other" });
  await bench.sync(pair);
  await bench.sync(pair, REMOVE);
  bench.knownAssociations.delete(pair.association);
  expect((await bench.sync(other)).outcome).toMatchObject({ kind: "refused" });
  // The association was removed and is made anew: another uid.
  const [again = pair] = bench.siblings(pair, 1);
  expect((await bench.sync({ ...again, path: pair.path })).outcome).toMatchObject({ kind: "synced" });
  expect(bench.secret(pair)?.versions).toHaveLength(2);
});

test("what a person wrote over a retained secret is theirs", async () => {
  const pair = bench.pair("app", { onDelete: "retain" });
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  await bench.sync(pair, REMOVE);
  // Versions of one second have no order.
  bench.advance(2_000);
  await bench.byHand(pair, "theirs");
  expect((await bench.sync(pair, { reason: "set" })).outcome).toMatchObject({ kind: "refused" });
});

test("version_per_version off: identical data costs a patch, other data a version", async () => {
  const pair = bench.pair("app", { versionPerVersion: false });
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  await bench.write(pair, { a: "1" });
  const record = await bench.sync(pair);
  expect(record.outcome).toMatchObject({ kind: "synced", version: 2, wrote: true });
  expect(bench.writes(pair)).toBe(1);
  // Once more: the digest follows the version that it belongs to.
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  expect(bench.writes(pair)).toBe(1);
  await bench.write(pair, { a: "2" });
  await bench.sync(pair);
  expect(bench.writes(pair)).toBe(2);
  expect(bench.value(pair)).toBe('{"a":"2"}');
});

test("a version of its own for each source version is the default, also where the data is the same", async () => {
  const pair = bench.pair();
  for (const version of [1, 2]) {
    await bench.write(pair, { a: "1" });
    await bench.sync(pair);
    expect(bench.writes(pair)).toBe(version);
  }
});

test("a role that may list deleted secrets and not get one is enough to recover ours", async () => {
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  await bench.sync(pair, REMOVE);
  const { emulator } = bench.servers;
  emulator.faults.add({
    fault: { kind: "error", status: 403, code: "Forbidden", innerCode: "ForbiddenByRbac" },
    operations: ["getDeleted"],
    vault: pair.vault,
  });
  await bench.wakeUntil(await bench.sync(pair, { reason: "set" }), "synced");
  expect(bench.value(pair)).toBe('{"a":"1"}');
}, 60_000);

test("vault_tag: Vault's own tag is on what is written; asked for later, it comes by a patch, and a person's own value of it stays", async () => {
  const tagOf = (pair: Pair) => bench.secret(pair)?.versions.at(-1)?.tags["hashicorp:vault"];
  const pair = bench.pair();
  await bench.write(pair, { a: "1" });
  await bench.sync(pair);
  expect(tagOf(pair)).toBeUndefined();
  bench.setPolicy(pair, { vaultTag: true });
  await bench.sync(pair, { reason: "set" });
  expect(tagOf(pair)).toBe("");
  expect(bench.writes(pair)).toBe(1);
  const own = bench.pair("app", { vaultTag: true });
  await bench.write(own, { a: "1" });
  await bench.sync(own, {
    spec: { ...own.destination.spec, customTags: { "hashicorp:vault": "primary", team: "blue" } },
  });
  expect(bench.secret(own)?.versions.at(-1)?.tags).toMatchObject({
    "hashicorp:vault": "primary",
    team: "blue",
  });
  expect(ownerOf(own, bench.secret(own)?.versions.at(-1)?.tags)).toBe("ours");
});
