// Looks at a whole vault: what people and accidents did there is found, and mended where nobody's hand or another keeper
// is behind it. Judged by the emulator.
import { driftReportKey, driftRequestKey } from "@keyferry/bus";
import type { DestinationRecord, DriftReport } from "@keyferry/contracts";
import { newUid, ownerTags } from "@keyferry/naming";
import { systemRandom } from "@keyferry/ports";
import { eventually } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkDrift, type DriftDependencies } from "../src/drift/check-drift.ts";
import { DriftLoop } from "../src/drift/drift-loop.ts";
import type { Asked } from "../src/drift/report.ts";
import { RecordStore } from "../src/record/record-store.ts";
import { type Pair, type SinkBench, startSinkBench } from "./support/sink-bench.ts";

const NAME = "{{ .SecretBaseName }}";
/** Longer than the minute in which a record is too young to be compared. */
const SETTLED_MS = 61_000;

let bench: SinkBench;

beforeAll(async () => {
  bench = await startSinkBench();
});

afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

const call = () => ({ signal: AbortSignal.timeout(10_000) });

const dependencies = (over: Partial<DriftDependencies> = {}): DriftDependencies => ({
  ...bench.dependencies(),
  records: bench.bus.results,
  settledMs: 60_000,
  ...over,
});

function look(pair: Pair, over: Partial<Asked> = {}, deps = dependencies()): Promise<DriftReport> {
  const store = new RecordStore(deps.results, deps.memory, deps.clock);
  const asked = { destination: pair.destination.uid, mode: "repair", requestedAt: null, ...over } as const;
  return checkDrift(asked, store, deps, AbortSignal.timeout(60_000));
}

/** Secrets of one vault, synced long enough ago to be compared. */
async function settled(count: number, policy = {}): Promise<readonly [Pair, readonly Pair[]]> {
  const base = bench.pair(NAME, policy);
  const pairs = bench.siblings(base, count);
  for (const pair of pairs) {
    await bench.write(pair, { a: pair.path });
    await bench.sync(pair);
  }
  bench.advance(SETTLED_MS);
  return [base, pairs];
}

async function repaired(): Promise<void> {
  await bench.wakeDue();
  await bench.wakeDue();
}

test("a vault that is as it was written costs a list and nothing else", async () => {
  const [base] = await settled(3);
  const before = bench.calls(base);
  const report = await look(base);
  expect(report).toMatchObject({ listed: 3, owned: 3, counts: {}, findings: [], failure: null });
  expect(bench.calls(base)).toEqual({ ...before, list: (before["list"] ?? 0) + 1 });
});

test("a secret that was purged is written again, one that was soft-deleted is recovered and written", async () => {
  const [base, [gone, deleted]] = await settled(3);
  if (gone === undefined || deleted === undefined) throw new Error("too few");
  const vault = bench.keyVault(base);
  for (const { path } of [gone, deleted]) await vault.delete(path, call());
  bench.advance(10_000);
  await vault.purge(gone.path, call());
  bench.advance(10_000);
  const report = await look(base);
  expect(report.counts).toEqual({ missing: 2 });
  expect(report.findings.map(({ action }) => action)).toEqual(["repaired", "repaired"]);
  await bench.wakeUntil(await bench.command(gone), "synced");
  await bench.wakeUntil(await bench.command(deleted), "synced");
  expect(bench.value(base, gone.path)).toBe(JSON.stringify({ a: gone.path }));
  expect(bench.value(base, deleted.path)).toBe(JSON.stringify({ a: deleted.path }));
}, 60_000);

test("an older version of ours that came back from a backup is written over", async () => {
  const [base, [pair = base]] = await settled(1);
  const snapshot = bench.servers.emulator.snapshot();
  await bench.write(pair, { a: "new" });
  await bench.sync(pair);
  bench.advance(SETTLED_MS);
  bench.servers.emulator.restore(snapshot);
  const report = await look(base);
  expect(report.findings).toMatchObject([{ kind: "older", action: "repaired" }]);
  await bench.wakeUntil(await bench.command(pair), "synced");
  expect(bench.value(base, pair.path)).toBe('{"a":"new"}');
});

test("what somebody wrote over ours is reported, and repaired if the destination or a person says so", async () => {
  const [base, [pair = base]] = await settled(1);
  await bench.byHand(base, "by hand", {}, pair.path);
  expect((await look(base)).findings).toMatchObject([{ kind: "edited", action: "reported" }]);
  await repaired();
  expect(bench.value(base, pair.path)).toBe("by hand");
  expect((await look(base, { mode: "check", requestedAt: "now" })).findings).toMatchObject([
    { action: "reported" },
  ]);
  expect((await look(base, { requestedAt: "now" })).findings).toMatchObject([{ action: "repaired" }]);
  await repaired();
  expect(bench.value(base, pair.path)).toBe(JSON.stringify({ a: pair.path }));
  bench.advance(SETTLED_MS);
  bench.setPolicy(base, { handEdits: "repair" });
  await bench.byHand(base, "again", {}, pair.path);
  expect((await look(base)).findings).toMatchObject([{ kind: "edited", action: "repaired" }]);
  await repaired();
  expect(bench.value(base, pair.path)).toBe(JSON.stringify({ a: pair.path }));
});

test("P3: what another instance wrote over ours is reported and never fought over", async () => {
  const [base, [pair = base]] = await settled(1, { handEdits: "repair" });
  const mark = {
    instanceId: "instancebbbbb",
    vaultHost: `${base.vault}.vault.azure.net`,
    lowerName: pair.path,
    association: "otherassociation",
    fence: { epoch: 1, sequence: 1 },
    opId: "op1",
    sourceVersion: 1,
    digest: "k1.d",
  };
  const keys = { active: "k1", keys: new Map([["k1", Buffer.alloc(32, 1)]]) };
  await bench.byHand(base, "theirs", ownerTags(mark, keys), pair.path);
  const report = await look(base, { requestedAt: "now" });
  expect(report.findings).toMatchObject([
    { kind: "edited", action: "reported", detail: expect.stringContaining("instancebbbbb") },
  ]);
  await repaired();
  expect(bench.value(base, pair.path)).toBe("theirs");
});

test("tags and attributes that somebody changed are patched back: no version", async () => {
  const [base, [pair = base, other = base]] = await settled(2);
  const vault = bench.keyVault(base);
  const versionOf = (one: Pair): string => bench.secret(base, one.path)?.versions.at(-1)?.version ?? "";
  await vault.patch(pair.path, versionOf(pair), { enabled: false }, call());
  await vault.patch(other.path, versionOf(other), { tags: {} }, call());
  const writes = bench.servers.emulator.oracle.effects({ vault: base.vault, kind: "set" }).length;
  const report = await look(base);
  expect(report.counts).toEqual({ attributes: 2 });
  await repaired();
  expect(bench.secret(base, pair.path)?.versions.at(-1)?.enabled).toBe(true);
  expect(bench.secret(base, other.path)?.versions.at(-1)?.tags).toHaveProperty("keyferry-owner");
  expect(bench.servers.emulator.oracle.effects({ vault: base.vault, kind: "set" })).toHaveLength(writes);
  bench.advance(SETTLED_MS);
  expect((await look(base)).counts).toEqual({});
});

test("our mark on a name that no record has is an orphan: listed, and left", async () => {
  const [base, [pair = base]] = await settled(1);
  const { tags = {} } = bench.secret(base, pair.path)?.versions.at(-1) ?? {};
  const mark = {
    instanceId: "instanceaaaaa",
    vaultHost: `${base.vault}.vault.azure.net`,
    lowerName: "left-behind",
    association: newUid(systemRandom),
    fence: { epoch: 1, sequence: 1 },
    opId: "op1",
    sourceVersion: 1,
    digest: "k1.d",
  };
  await bench.byHand(
    base,
    "ours once",
    ownerTags(mark, bench.dependencies().identity.tagKeys),
    "left-behind",
  );
  // A copy of a mark on another name is none of ours.
  await bench.byHand(base, "a copy", tags, "copied");
  const report = await look(base);
  expect(report.findings).toMatchObject([{ kind: "orphan", name: "left-behind", action: "reported" }]);
  expect(bench.value(base, "left-behind")).toBe("ours once");
});

test("drift-list-cut-short: a list that ends in a 403, or in an error, repairs nothing and says why", async () => {
  const [base, pairs] = await settled(30);
  await bench.keyVault(base).delete(pairs[0]?.path ?? "", call());
  const { emulator } = bench.servers;
  // The first page comes, the second does not.
  const fault = { kind: "error", status: 403, code: "Forbidden", innerCode: "ForbiddenByRbac" } as const;
  const rule = emulator.faults.add({ fault, operations: ["list"], vault: base.vault, skip: 1 });
  const report = await look(base);
  rule.remove();
  expect(report).toMatchObject({ findings: [], onlyReported: expect.any(String) });
  expect(report.failure).toMatch(/^vault-denied/);
  expect((await look(base)).counts).toEqual({ missing: 1 });
});

test("drift-list-cut-short: a page without a name that links to the next one does not end the list", async () => {
  const [base] = await settled(3);
  // Soft-deleted names are walked over and leave their page empty (reference).
  const names = Array.from({ length: 60 }, (_, index) => `a-${String(index).padStart(2, "0")}`);
  await Promise.all(names.map((name) => bench.byHand(base, "theirs", {}, name)));
  await Promise.all(names.map((name) => bench.keyVault(base).delete(name, call())));
  bench.advance(10_000);
  expect(await look(base)).toMatchObject({ listed: 3, owned: 3, findings: [], failure: null });
});

test("drift-list-cut-short: where more than 5 % are gone nothing is written, and a person is told", async () => {
  const [base, pairs] = await settled(40);
  for (const { path } of pairs.slice(0, 6)) await bench.keyVault(base).delete(path, call());
  const writes = bench.servers.emulator.oracle.effects({ vault: base.vault, kind: "set" }).length;
  const report = await look(base, { requestedAt: "now" });
  expect(report.counts).toEqual({ missing: 6 });
  expect(report.onlyReported).toMatch(/6 of 40/);
  expect(report.findings.every(({ action }) => action === "reported")).toBe(true);
  await repaired();
  expect(bench.servers.emulator.oracle.effects({ vault: base.vault, kind: "set" })).toHaveLength(writes);
}, 60_000);

test("drift-list-races-put: a secret that is written while the list is read is written once", async () => {
  const [base, [pair = base]] = await settled(2);
  await bench.keyVault(base).delete(pair.path, call());
  bench.advance(10_000);
  const { emulator } = bench.servers;
  const rule = emulator.faults.add({
    fault: { kind: "hold" },
    operations: ["list"],
    vault: base.vault,
    count: 1,
  });
  const looking = look(base);
  await eventually(() => rule.held === 1, { what: "the list to be under way" });
  // The page was asked for before the write and shows the vault without it.
  await bench.write(pair, { a: "meanwhile" });
  await bench.wakeUntil(await bench.sync(pair), "synced");
  const writes = bench.writes(base, pair.path);
  rule.release();
  rule.remove();
  expect((await looking).findings).toEqual([]);
  await repaired();
  expect(bench.writes(base, pair.path)).toBe(writes);
}, 60_000);

test("tag-key-lost: after a rotation of tag keys the old ones verify, and a look signs anew by patches", async () => {
  const [base, pairs] = await settled(8);
  const { identity } = bench.dependencies();
  const old = identity.tagKeys.keys.get("k1") ?? Buffer.alloc(32);
  const keys = new Map([
    ["k1", old],
    ["k2", Buffer.alloc(32, 2)],
  ]);
  const deps = dependencies({ identity: { ...identity, tagKeys: { active: "k2", keys } } });
  const report = await look(base, {}, deps);
  // All of them, which is no sign of anything here.
  expect(report).toMatchObject({ counts: { attributes: 8 }, onlyReported: null });
  await bench.wakeDue(deps);
  await bench.wakeDue(deps);
  expect(pairs.map(({ path }) => bench.secret(base, path)?.versions.length)).toEqual(pairs.map(() => 1));
  bench.advance(SETTLED_MS);
  // And now the old key may go.
  const rotated = { active: "k2", keys: new Map([["k2", Buffer.alloc(32, 2)]]) };
  const without = dependencies({ identity: { ...identity, tagKeys: rotated } });
  expect((await look(base, {}, without)).counts).toEqual({});
  // A sink that has lost the key of all that is there writes nothing on that ground.
  const lost = dependencies({
    identity: { ...identity, tagKeys: { active: "k9", keys: new Map([["k9", Buffer.alloc(32, 9)]]) } },
  });
  expect((await look(base, {}, lost)).findings.every(({ action }) => action === "reported")).toBe(true);
});

test("a request is answered within moments by one sink of two, and a paused destination only reported on", async () => {
  const [base, [pair = base]] = await settled(2);
  await bench.keyVault(base).delete(pair.path, call());
  const { uid } = base.destination;
  const stop = new AbortController();
  const requests = await bench.bus.driftRequests.watch(stop.signal);
  const known = await bench.bus.driftReports.watch(stop.signal);
  let looks = 0;
  const events = { ...dependencies().events, driftChecked: () => void (looks += 1) };
  const deps = dependencies({ events });
  const destination: DestinationRecord = {
    ...base.destination,
    createdAt: new Date(bench.clock.now()).toISOString(),
  };
  const loops = [1, 2].map(() =>
    new DriftLoop({
      destinations: {
        entries: () => new Map([[uid, { value: destination, sequence: 1, time: 0 }]]).entries(),
      },
      requests,
      known,
      reports: bench.bus.driftReports,
      intervalMs: 3_600_000,
      store: new RecordStore(deps.results, deps.memory, deps.clock),
      deps,
    }).run(stop.signal),
  );
  const ask = async (requestedAt: string): Promise<DriftReport> => {
    const { revision } = await bench.bus.driftRequests.read(driftRequestKey(uid));
    const request = { major: 1, destination: uid, mode: "check", requestedAt } as const;
    await bench.bus.driftRequests.put(driftRequestKey(uid), request, revision);
    return eventually(
      async () => {
        const report = (await bench.bus.driftReports.get(driftReportKey(uid)))?.value;
        return report?.requestedAt === requestedAt ? report : undefined;
      },
      { what: "a report", timeoutMs: 5_000 },
    );
  };
  expect((await ask("2026-01-01T00:00:00Z")).counts).toEqual({ missing: 1 });
  expect((await ask("2026-01-01T00:00:01Z")).counts).toEqual({ missing: 1 });
  stop.abort();
  await Promise.all(loops);
  expect(looks).toBe(2);
  const paused = { ...deps.pauses, isPaused: () => true };
  const report = await look(base, { requestedAt: "now" }, dependencies({ pauses: paused }));
  expect(report).toMatchObject({ counts: { missing: 1 }, onlyReported: expect.stringContaining("paused") });
});
