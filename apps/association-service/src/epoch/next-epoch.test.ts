import type { EpochRecord } from "@keyferry/contracts";
import { expect, test } from "vitest";
import { command, recordAfter, SYNCED } from "../resolve/fixtures.ts";
import { decideEpoch, epochOf, latestOf } from "./next-epoch.ts";

const NOW = 5_000;
const STREAMS = { SYNC_DESIRED: { created: "t1", lastSequence: 100 } };
const KNOWN: EpochRecord = { major: 1, epoch: 1_000, streams: STREAMS };

test("all-streams-lost: the first epoch is the clock's, and above every epoch that was ever seen", () => {
  expect(decideEpoch(undefined, STREAMS, 0, NOW)).toMatchObject({ kind: "first", record: { epoch: NOW } });
  expect(decideEpoch(undefined, STREAMS, 9_000, NOW)).toMatchObject({ record: { epoch: 9_001 } });
});

test("streams that went on keep the epoch, and their progress is noted", () => {
  const streams = { SYNC_DESIRED: { created: "t1", lastSequence: 101 } };
  expect(decideEpoch(KNOWN, streams, 1_000, NOW)).toEqual({ kind: "same", record: { ...KNOWN, streams } });
});

test.each([
  ["made anew", { SYNC_DESIRED: { created: "t2", lastSequence: 200 } }, 0, NOW],
  ["tail lost", { SYNC_DESIRED: { created: "t1", lastSequence: 99 } }, 0, NOW],
  ["missing", {}, 0, NOW],
  ["later epochs in outcomes", STREAMS, 9_000, 9_001],
])("%s: a later epoch", (_what, streams, seen, epoch) => {
  expect(decideEpoch(KNOWN, streams, seen, NOW)).toMatchObject({
    kind: "raised",
    record: { epoch, streams },
  });
});

test("a clock that stands behind still gives a later epoch", () => {
  const streams = { SYNC_DESIRED: { created: "t2", lastSequence: 1 } };
  expect(decideEpoch(KNOWN, streams, 0, 10)).toMatchObject({ record: { epoch: 1_001 } });
});

test("tail-lost: a loss that the stream's length does not show raises the epoch once, by its proof", () => {
  const proof = { epoch: KNOWN.epoch, why: "a pair stays behind" };
  const decision = decideEpoch(KNOWN, STREAMS, 0, NOW, proof);
  expect(decision).toMatchObject({ kind: "raised", why: proof.why, record: { epoch: NOW } });
  expect(decideEpoch(decision.record, STREAMS, 0, NOW + 1, proof)).toMatchObject({ kind: "same" });
});

test("tail-lost: one loss is one epoch, also for a process that saw the stream longer and comes second", () => {
  const seen: EpochRecord = { ...KNOWN, streams: { SYNC_DESIRED: { created: "t1", lastSequence: 150 } } };
  const raised = decideEpoch(latestOf(KNOWN, seen), STREAMS, 0, NOW).record;
  expect(raised.epoch).toBe(NOW);
  expect(decideEpoch(latestOf(raised, seen), STREAMS, 0, NOW + 1)).toMatchObject({ kind: "same" });
});

test("a record's epoch is the highest of its fences", () => {
  expect(epochOf(recordAfter(command({ epoch: 7 }, 1), SYNCED))).toBe(7);
});

test("restored-stream: what this process saw counts also if the stored record went back with the streams", () => {
  const seen: EpochRecord = {
    major: 1,
    epoch: 1_000,
    streams: { SYNC_DESIRED: { created: "t1", lastSequence: 150 } },
  };
  expect(decideEpoch(latestOf(KNOWN, seen), STREAMS, 0, NOW)).toMatchObject({
    kind: "raised",
    why: "SYNC_DESIRED lost its tail",
    record: { epoch: NOW },
  });
  expect(latestOf(KNOWN, undefined)).toEqual(KNOWN);
  expect(latestOf(undefined, seen)).toEqual(seen);
  // Somebody else has noticed that the stream was made anew, and raised the epoch for it.
  const anew: EpochRecord = {
    major: 1,
    epoch: 2_000,
    streams: { SYNC_DESIRED: { created: "t2", lastSequence: 3 } },
  };
  expect(latestOf(anew, seen)).toEqual(anew);
});
