// Orphans: what carries our mark and nobody wants is deleted by a person's approval of that very thing, and never else.
import type { DriftFinding, DriftReport } from "@keyferry/contracts";
import { newUid, ownerTags } from "@keyferry/naming";
import { systemRandom } from "@keyferry/ports";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkDrift, type DriftDependencies } from "../src/drift/check-drift.ts";
import type { Asked } from "../src/drift/report.ts";
import { RecordStore } from "../src/record/record-store.ts";
import { type Pair, type SinkBench, startSinkBench } from "./support/sink-bench.ts";

let bench: SinkBench;

beforeAll(async () => {
  bench = await startSinkBench();
});

afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

function look(
  pair: Pair,
  collect: Asked["collect"] = [],
  over: Partial<DriftDependencies> = {},
): Promise<DriftReport> {
  const deps: DriftDependencies = {
    ...bench.dependencies(),
    records: bench.bus.results,
    settledMs: 60_000,
    ...over,
  };
  const store = new RecordStore(deps.results, deps.memory, deps.clock);
  const asked: Asked = { destination: pair.destination.uid, mode: "check", requestedAt: "now", collect };
  return checkDrift(asked, store, deps, AbortSignal.timeout(60_000));
}

/** A secret that an association of ours once wrote, of which nothing is known any more. */
async function orphan(
  pair: Pair,
  association = newUid(systemRandom),
  instanceId = "instanceaaaaa",
): Promise<void> {
  const mark = {
    instanceId,
    vaultHost: `${pair.vault}.vault.azure.net`,
    lowerName: "app",
    association,
    fence: { epoch: 1, sequence: 7 },
    opId: "op1",
    sourceVersion: 1,
    digest: "k1.d",
  };
  await bench.byHand(pair, "ours once", ownerTags(mark, bench.dependencies().identity.tagKeys));
}

const approvalOf = ({ findings }: DriftReport) =>
  findings.flatMap(({ name, kind, mark }: DriftFinding) =>
    kind === "orphan" && mark !== undefined ? [{ name, mark }] : [],
  );

test("an orphan that was approved is deleted, and Key Vault keeps it soft-deleted", async () => {
  const pair = bench.pair();
  await orphan(pair);
  const listed = await look(pair);
  expect(listed.findings).toMatchObject([{ kind: "orphan", name: "app", action: "reported" }]);
  const report = await look(pair, approvalOf(listed));
  expect(report.findings).toMatchObject([{ kind: "orphan", name: "app", action: "collected" }]);
  expect(bench.secret(pair)).toBeUndefined();
  expect((await look(pair)).findings).toEqual([]);
});

test("without an approval, or with one of another mark or name, it stays", async () => {
  const pair = bench.pair();
  await orphan(pair);
  const [approval] = approvalOf(await look(pair));
  if (approval === undefined) throw new Error("no orphan");
  for (const collect of [[], [{ ...approval, mark: "x.1.1" }], [{ ...approval, name: "other" }]]) {
    expect((await look(pair, collect)).findings).toMatchObject([{ action: "reported" }]);
  }
  expect(bench.value(pair)).toBe("ours once");
});

test("ORP-1: what somebody wrote over it after the approval stays", async () => {
  const pair = bench.pair();
  await orphan(pair);
  const collect = approvalOf(await look(pair));
  await bench.byHand(pair, "theirs now");
  await look(pair, collect);
  expect(bench.value(pair)).toBe("theirs now");
});

test("ORP-2: a name whose association is there is not collected, as it is synced again", async () => {
  const pair = bench.pair();
  await orphan(pair, pair.association);
  const collect = approvalOf(await look(pair));
  const [finding] = (await look(pair, collect)).findings;
  expect(finding).toMatchObject({
    action: "reported",
    detail: expect.stringContaining("association is there"),
  });
  expect(bench.value(pair)).toBe("ours once");
});

test("ORP-3: a name under which another instance's version lies is not collected", async () => {
  const pair = bench.pair();
  await orphan(pair, newUid(systemRandom), "instancebbbbb");
  // The two in different seconds, so that one is the newest.
  bench.servers.emulator.clock.advance(2_000);
  await orphan(pair);
  const collect = approvalOf(await look(pair));
  expect(collect).toHaveLength(1);
  const [finding] = (await look(pair, collect)).findings;
  expect(finding).toMatchObject({
    action: "reported",
    detail: expect.stringContaining("somebody else's mark"),
  });
  expect(bench.value(pair)).toBe("ours once");
});

test("while writing is paused nothing is collected", async () => {
  const pair = bench.pair();
  await orphan(pair);
  const collect = approvalOf(await look(pair));
  const { pauses } = bench.dependencies();
  const report = await look(pair, collect, { pauses: { ...pauses, isPaused: () => true } });
  expect(report.findings).toMatchObject([{ action: "reported", detail: expect.stringContaining("paused") }]);
  expect(bench.value(pair)).toBe("ours once");
});
