import { expect, test } from "vitest";
import {
  ACTIVE,
  SOFT_DELETE_PRESETS,
  phaseAt,
  recoveryLevel,
  startDelete,
  startPurge,
  startRecover,
} from "./lifecycle.ts";

const DELAYS = SOFT_DELETE_PRESETS.azure;
const DAY_MS = 86_400_000;

test("active stays active", () => {
  expect(phaseAt(ACTIVE, Number.MAX_SAFE_INTEGER)).toBe("active");
});

test("a deletion goes through deleting and deleted, and is gone after the retention", () => {
  const lifecycle = startDelete(DELAYS, 7, 1_000);
  const phases = [1_000, 5_999, 6_000, 1_000 + 7 * DAY_MS - 1, 1_000 + 7 * DAY_MS].map((at) =>
    phaseAt(lifecycle, at),
  );
  expect(phases).toEqual(["deleting", "deleting", "deleted", "deleted", "gone"]);
});

test("a recover goes through recovering and readable to active", () => {
  const lifecycle = startRecover(DELAYS, 0);
  const phases = [0, 999, 1_000, 9_999, 10_000].map((at) => phaseAt(lifecycle, at));
  expect(phases).toEqual(["recovering", "recovering", "readable", "readable", "active"]);
});

test("what is not readable yet is not writable either", () => {
  const lifecycle = startRecover({ ...DELAYS, recoverReadableMs: 50, recoverWritableMs: 10 }, 0);
  expect([10, 49, 50].map((at) => phaseAt(lifecycle, at))).toEqual(["recovering", "recovering", "active"]);
});

test("a purge is at work for a while and then gone", () => {
  const lifecycle = startPurge(DELAYS, 0);
  expect([0, 2_999, 3_000].map((at) => phaseAt(lifecycle, at))).toEqual(["purging", "purging", "gone"]);
});

test("without delays each step is through at once", () => {
  const { instant } = SOFT_DELETE_PRESETS;
  expect(phaseAt(startDelete(instant, 90, 5), 5)).toBe("deleted");
  expect(phaseAt(startRecover(instant, 5), 5)).toBe("active");
  expect(phaseAt(startPurge(instant, 5), 5)).toBe("gone");
});

test.each([
  [90, false, "Recoverable+Purgeable"],
  [90, true, "Recoverable"],
  [89, false, "CustomizedRecoverable+Purgeable"],
  [7, true, "CustomizedRecoverable"],
])("%i days with purge protection %s are shown as %s", (retentionDays, purgeProtection, shown) => {
  expect(recoveryLevel({ retentionDays, purgeProtection })).toBe(shown);
});
