import type { LeaseRecord } from "@keyferry/contracts";
import { expect, test } from "vitest";
import { judgeLease, type LeaseTiming } from "./lease.ts";

const TIMING: LeaseTiming = { renewMs: 500, pollMs: 250, takeOverMs: 3_000 };
const record = (over: Partial<LeaseRecord> = {}): LeaseRecord => ({
  major: 1,
  holder: "other",
  counter: 7,
  released: false,
  ...over,
});

const judge = (
  watch: { revision: number; unchangedSince: number } | undefined,
  view: { record: LeaseRecord | undefined; revision: number },
  now: number,
) => judgeLease(watch, view, "me", now, TIMING);

test("a lease that nobody ever held is taken at once", () => {
  expect(judge(undefined, { record: undefined, revision: 0 }, 10)).toEqual({
    kind: "take",
    expectedRevision: 0,
    record: record({ holder: "me", counter: 1 }),
  });
});

test("a lease that was given back, or that names us, is taken at once", () => {
  const takes = record({ holder: "me", counter: 8 });
  for (const free of [record({ released: true }), record({ holder: "me" })]) {
    expect(judge(undefined, { record: free, revision: 4 }, 10)).toEqual({
      kind: "take",
      expectedRevision: 4,
      record: takes,
    });
  }
});

test("a lease at first sight is another's, however old its record is", () => {
  expect(judge(undefined, { record: record(), revision: 4 }, 1e12)).toEqual({
    kind: "wait",
    watch: { revision: 4, unchangedSince: 1e12 },
  });
});

test("a record that moves is watched from its last move", () => {
  const watch = { revision: 4, unchangedSince: 0 };
  expect(judge(watch, { record: record({ counter: 8 }), revision: 5 }, 3_000)).toEqual({
    kind: "wait",
    watch: { revision: 5, unchangedSince: 3_000 },
  });
});

test("a record that has not moved for the time is taken, not a moment before", () => {
  const watch = { revision: 4, unchangedSince: 100 };
  const view = { record: record(), revision: 4 };
  expect(judge(watch, view, 3_099)).toEqual({ kind: "wait", watch });
  expect(judge(watch, view, 3_100)).toMatchObject({ kind: "take", expectedRevision: 4 });
});
