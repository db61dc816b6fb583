import { expect, test } from "vitest";
import { admit, type BreakerState, conclude, FAILURES_TO_OPEN, UNKNOWN, type Verdict } from "./breaker.ts";

const NOW = 1_000_000;
const LEAST = { fraction: () => 0 };
const MOST = { fraction: () => 0.999_999 };

const CLOSED: BreakerState = { kind: "closed" };
const OPEN: BreakerState = { kind: "open", untilMs: NOW + 1, openings: 2 };
const probing = (failures: number, openings: number, isBusy: boolean): BreakerState => ({
  kind: "probing",
  failures,
  openings,
  isBusy,
});

test("who may go on, for every state", () => {
  expect(admit(CLOSED, NOW)).toEqual({ state: CLOSED, admission: "pass" });
  expect(admit(UNKNOWN, NOW)).toEqual({ state: probing(0, 0, true), admission: "probe" });
  expect(admit(probing(2, 0, true), NOW)).toEqual({ state: probing(2, 0, true), admission: "busy" });
  expect(admit(OPEN, NOW)).toEqual({ state: OPEN, admission: "refused" });
  expect(admit(OPEN, NOW + 1)).toEqual({ state: probing(0, 2, true), admission: "probe" });
});

const TABLE: readonly [BreakerState, Verdict, boolean, BreakerState][] = [
  [CLOSED, "success", false, CLOSED],
  [CLOSED, "neutral", false, CLOSED],
  [CLOSED, "failure", false, probing(1, 0, false)],
  [probing(0, 0, true), "success", true, CLOSED],
  [probing(2, 1, true), "success", false, CLOSED],
  [probing(0, 0, true), "neutral", true, probing(0, 0, false)],
  [probing(1, 0, true), "neutral", false, probing(1, 0, true)],
  [probing(0, 0, true), "failure", true, probing(1, 0, false)],
  [probing(1, 0, true), "failure", false, probing(2, 0, true)],
  [probing(2, 0, true), "failure", true, { kind: "open", untilMs: NOW + 1_000, openings: 1 }],
  [probing(0, 1, true), "failure", true, { kind: "open", untilMs: NOW + 2_000, openings: 2 }],
  [probing(0, 1, true), "failure", false, probing(1, 1, true)],
  [OPEN, "success", false, CLOSED],
  [OPEN, "neutral", false, OPEN],
  [OPEN, "failure", false, OPEN],
];

test.each(TABLE)("the state after %j with %s (probe: %s) is %j", (state, verdict, wasProbe, after) => {
  expect(conclude(state, { verdict, wasProbe, nowMs: NOW }, LEAST)).toEqual(after);
});

test("failures that were under way together open it as those in a row do", () => {
  let state: BreakerState = probing(0, 0, false);
  state = conclude(state, { verdict: "success", wasProbe: false, nowMs: NOW }, LEAST);
  for (let count = 0; count < FAILURES_TO_OPEN; count += 1) {
    state = conclude(state, { verdict: "failure", wasProbe: false, nowMs: NOW }, LEAST);
  }
  expect(state.kind).toBe("open");
});

test("the pause doubles from failed probe to failed probe, to five minutes and no more", () => {
  const pauses: number[] = [];
  let state: BreakerState = probing(FAILURES_TO_OPEN - 1, 0, true);
  for (let count = 0; count < 12; count += 1) {
    state = conclude(state, { verdict: "failure", wasProbe: true, nowMs: 0 }, MOST);
    if (state.kind !== "open") throw new Error("it did not open");
    pauses.push(state.untilMs);
    state = admit(state, state.untilMs).state;
  }
  expect(pauses.slice(0, 3)).toEqual([2_000, 4_000, 8_000]);
  expect(pauses.at(-1)).toBe(300_000);
});
