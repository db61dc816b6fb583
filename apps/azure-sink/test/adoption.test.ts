// A person's leave to take over what lies under a wished name: good for what was looked at, and for nothing else.
import type { Adoption, SeenName, SyncRecord } from "@keyferry/contracts";
import { Canary } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { lookAtPair } from "../src/look/look-at-pair.ts";
import { type Pair, type SinkBench, startSinkBench } from "./support/sink-bench.ts";

let bench: SinkBench;

beforeAll(async () => {
  bench = await startSinkBench();
});

afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

/** Refused once, as a person finds it. */
async function refused(pair: Pair, value: string, data: Readonly<Record<string, unknown>>): Promise<void> {
  await bench.byHand(pair, value);
  await bench.write(pair, data);
  expect((await bench.sync(pair)).outcome).toMatchObject({
    kind: "refused",
    error: { code: "foreign-owner" },
  });
}

async function look(pair: Pair, compare = true): Promise<readonly SeenName[]> {
  const deps = bench.dependencies();
  const signal = AbortSignal.timeout(30_000);
  const open = await deps.destinations.open(pair.destination.uid, signal);
  if (open === undefined) throw new Error("not known");
  const { secretKey } = await bench.command(pair);
  const { vault } = open;
  return lookAtPair({ vault, deps, signal, paced: (call) => call(signal) }, open, secretKey, compare);
}

/** As the association-service makes it of what was seen. */
function adoptionOf({ token = "", version, value, comparedWith }: SeenName): Adoption {
  const holds = value === "same" && version !== undefined && comparedWith !== undefined;
  return { seen: token, ...(holds ? { holds: { keyVaultVersion: version, ...comparedWith } } : {}) };
}

async function adopt(pair: Pair, seen: SeenName): Promise<SyncRecord> {
  return bench.sync(pair, { adopt: { app: adoptionOf(seen) }, reason: "replay" });
}

const first = async (looking: Promise<readonly SeenName[]>): Promise<SeenName> => {
  const [seen] = await looking;
  if (seen === undefined) throw new Error("nothing was seen");
  return seen;
};

test("a look says whose a name is and whether it holds the wished value, and shows no value", async () => {
  const canary = new Canary();
  const pair = bench.pair();
  await refused(pair, canary.value("theirs"), { a: canary.value("ours") });
  const seen = await first(look(pair));
  expect(seen).toMatchObject({ name: "app", there: "present", mark: "none", value: "different" });
  expect(canary.searchText(JSON.stringify(seen))).toEqual([]);
});

test("what is there is taken over by the very command that has leave, as a new version", async () => {
  const pair = bench.pair();
  await refused(pair, "theirs", { a: "1" });
  const record = await adopt(pair, await first(look(pair)));
  expect(record.outcome).toMatchObject({ kind: "synced", wrote: true });
  expect(bench.value(pair)).toBe('{"a":"1"}');
  expect(bench.secret(pair)?.versions).toHaveLength(2);
});

test("what holds the wished value already is only marked: no new version, and the next change is the next one", async () => {
  const pair = bench.pair();
  await refused(pair, '{"a":"1"}', { a: "1" });
  const seen = await first(look(pair));
  expect(seen.value).toBe("same");
  const record = await adopt(pair, seen);
  expect(record.outcome).toMatchObject({ kind: "synced", version: 1 });
  expect(record.names["app"]?.applied?.keyVaultVersion).toBe(seen.version);
  expect(bench.secret(pair)?.versions).toHaveLength(1);
  await bench.write(pair, { a: "2" });
  expect((await bench.sync(pair)).outcome).toMatchObject({ kind: "synced", version: 2 });
  expect(bench.value(pair)).toBe('{"a":"2"}');
});

test("a leave for the same value writes a new version where the source has gone on", async () => {
  const pair = bench.pair();
  await refused(pair, '{"a":"1"}', { a: "1" });
  const seen = await first(look(pair));
  await bench.write(pair, { a: "2" });
  expect((await adopt(pair, seen)).outcome).toMatchObject({ kind: "synced", version: 2 });
  expect(bench.value(pair)).toBe('{"a":"2"}');
});

test("what somebody wrote since it was looked at is left, and refused as before", async () => {
  const pair = bench.pair();
  await refused(pair, "theirs", { a: "1" });
  const seen = await first(look(pair));
  await bench.byHand(pair, "newer");
  const { outcome } = await adopt(pair, seen);
  expect(outcome).toMatchObject({ kind: "refused", error: { code: "foreign-owner" } });
  expect(bench.value(pair)).toBe("newer");
});

test("a leave for one name is none for another, nor for a later command", async () => {
  const pair = bench.pair();
  await refused(pair, "theirs", { a: "1" });
  const seen = await first(look(pair));
  const other = await bench.sync(pair, { adopt: { other: adoptionOf(seen) } });
  expect(other.outcome).toMatchObject({ kind: "refused" });
  expect((await bench.sync(pair)).outcome).toMatchObject({ kind: "refused" });
  expect(bench.value(pair)).toBe("theirs");
});

test("a soft-deleted secret of somebody is recovered and written, if that was looked at", async () => {
  const pair = bench.pair();
  await bench.byHand(pair, "theirs");
  await bench.keyVault(pair).delete("app", { signal: AbortSignal.timeout(10_000) });
  await bench.write(pair, { a: "1" });
  await bench.wakeUntil(await published(pair), "refused");
  const seen = await first(look(pair));
  expect(seen).toMatchObject({ there: "deleted", mark: "none" });
  const command = await bench.command(pair, { adopt: { app: adoptionOf(seen) } });
  await bench.run(command, await bench.publish(command));
  await bench.wakeUntil(command, "synced");
  expect(bench.value(pair)).toBe('{"a":"1"}');
});

async function published(pair: Pair) {
  const command = await bench.command(pair);
  await bench.run(command, await bench.publish(command));
  return command;
}

test("a role that may not read values leaves the comparison unknown, and shows all else", async () => {
  const pair = bench.pair();
  await refused(pair, "theirs", { a: "1" });
  bench.servers.emulator.faults.add({
    fault: { kind: "error", status: 403, code: "Forbidden" },
    operations: ["get"],
  });
  expect(await first(look(pair))).toMatchObject({ mark: "none", value: "unknown" });
});
