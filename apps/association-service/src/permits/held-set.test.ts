import { describe, expect, test } from "vitest";
import { command, failure, recordAfter, SYNCED } from "../resolve/fixtures.ts";
import { heldSet, heldToken } from "./held-set.ts";
import { HoldingPairs } from "./holding-pairs.ts";
import { DEFAULT_LIMITS, guardedLimits } from "./spend.ts";
import { MemoryTable } from "../rules/fixtures.ts";
import type { SyncRecord } from "@keyferry/contracts";

const HELD = { kind: "held" as const, error: failure("unexpected", "client-side") };
const KEYS = ["a", "b"].map((letter) => letter.repeat(26));

function heldPair(secretKey: string, sequence: number) {
  const last = command({ op: "unsync", secretKey }, sequence);
  return { last, record: recordAfter(last, HELD) };
}

describe("the held set", () => {
  const pairs = KEYS.map((key, index) => heldPair(key, 5 + index));

  test("holds what ended held, in the order of keys, and its digest does not depend on the order of reading", () => {
    const { deletes, digest } = heldSet(pairs);
    expect(deletes.map(({ secretKey }) => secretKey)).toEqual(KEYS);
    expect(heldSet(pairs.toReversed()).digest).toBe(digest);
    expect(heldSet([]).digest).not.toBe(digest);
    expect(heldSet(pairs.slice(1)).digest).not.toBe(digest);
  });

  test("held-then-alive: the same secret, held anew in the same state, is another set", () => {
    const [first] = pairs;
    const again = heldPair(KEYS[0] ?? "", 50);
    expect(heldSet([again]).digest).not.toBe(heldSet(first === undefined ? [] : [first]).digest);
    expect(heldToken(again.last)).toMatch(/@1000\.50$/);
  });

  test("what has a permit, a later command, or another outcome is not held", () => {
    const permitted = command({ op: "unsync", permit: { by: "person" } }, 5);
    const later = command({ op: "sync" }, 9);
    const pair = heldPair(KEYS[0] ?? "", 5);
    const others = [
      { last: permitted, record: recordAfter(permitted, HELD) },
      { last: later, record: pair.record },
      { last: pair.last, record: recordAfter(pair.last, SYNCED) },
      { last: undefined, record: pair.record },
      { last: pair.last, record: undefined },
    ];
    expect(heldSet(others).deletes).toEqual([]);
  });

  test("a sync whose names are held says so", () => {
    const last = command({ op: "sync" }, 5);
    const { deletes } = heldSet([{ last, record: recordAfter(last, HELD) }]);
    expect(deletes).toMatchObject([{ what: "names" }]);
  });
});

test("a destination's own guard goes over the configured limits, field by field", () => {
  expect(guardedLimits(DEFAULT_LIMITS, undefined)).toEqual(DEFAULT_LIMITS);
  expect(guardedLimits(DEFAULT_LIMITS, { minimum: 0, hourlyPercent: 0 })).toEqual({
    perHourMin: 0,
    perHourPercent: 0,
    perDayPercent: DEFAULT_LIMITS.perDayPercent,
  });
});

test("mass-delete: what the budget is a part of are the secrets that are still in Key Vault", () => {
  const results = new MemoryTable<SyncRecord>();
  const synced = command({}, 5);
  results.force("d.before", recordAfter(synced, SYNCED));
  const holding = new HoldingPairs(results.view);
  results.force("d.k", recordAfter(synced, SYNCED));
  results.force("other.k", recordAfter(synced, SYNCED));
  results.force("d.k", recordAfter(synced, SYNCED));
  expect(holding.countOf("d")).toBe(2);
  results.force("d.k", recordAfter(synced, { kind: "unsynced", wrote: true }));
  results.force("d.before", undefined);
  expect(holding.countOf("d")).toBe(0);
  expect(holding.countOf("other")).toBe(1);
});
