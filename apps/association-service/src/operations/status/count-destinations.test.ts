import { expect, test } from "vitest";
import type { AssociationStatus } from "../../status/status.ts";
import { type CountedPair, countPairs } from "./count-destinations.ts";

function pair(
  status: AssociationStatus["status"],
  since: string,
  over: Partial<CountedPair> = {},
): CountedPair {
  return {
    secret: `kv/${since}`,
    status: { status, since, reason: "r", nextStep: "", externalNames: [], names: [], version: undefined },
    held: false,
    error: undefined,
    outcomeAt: undefined,
    ...over,
  };
}

test("nothing is nothing", () => {
  expect(countPairs([])).toEqual({
    counts: {},
    held: 0,
    errors: {},
    associations: 0,
    oldest_pending: null,
    last_outcome_at: null,
  });
});

test("counts by status and error, and finds the oldest wait: what is held waits for a person and is none", () => {
  const counted = countPairs([
    pair("SYNCED", "2026-01-01", { outcomeAt: "2026-01-05" }),
    pair("PENDING", "2026-01-03"),
    pair("PENDING", "2026-01-02"),
    pair("PENDING", "2025-01-01", { held: true, error: "held-for-approval", outcomeAt: "2026-01-04" }),
    pair("CLIENT_SIDE_ERROR", "2026-01-01", { error: "foreign-owner" }),
  ]);
  expect(counted).toEqual({
    counts: { SYNCED: 1, PENDING: 3, CLIENT_SIDE_ERROR: 1 },
    held: 1,
    errors: { "foreign-owner": 1 },
    associations: 5,
    oldest_pending: { secret: "kv/2026-01-02", since: "2026-01-02", reason: "r" },
    last_outcome_at: "2026-01-05",
  });
});
