import type { DriftReport, DriftRequest } from "@keyferry/contracts";
import { expect, test } from "vitest";
import { dueLook, storedReport } from "./schedule.ts";

const UID = "aaaaaaaaaaaaa";
const DESTINATION = { uid: UID, createdAt: "2026-01-01T00:00:00.000Z" };
const AT = Date.parse(DESTINATION.createdAt);
const HOUR = 3_600_000;

const report = (startedAt: string, requestedAt: string | null = null): DriftReport => ({
  major: 1,
  destination: UID,
  requestedAt,
  startedAt,
  finishedAt: startedAt,
  mode: "repair",
  listed: 0,
  owned: 0,
  counts: {},
  findings: [],
  onlyReported: null,
  failure: null,
});

const request = (requestedAt: string): DriftRequest => ({
  major: 1,
  destination: UID,
  mode: "check",
  requestedAt,
});

const due = (nowMs: number, asked?: DriftRequest, last?: DriftReport) =>
  dueLook(DESTINATION, asked, last, { intervalMs: HOUR, nowMs });

test("the first look is an interval after the destination was made, the next an interval after that", () => {
  expect(due(AT + HOUR - 1)).toBeUndefined();
  expect(due(AT + HOUR)).toEqual({ destination: UID, mode: "repair", requestedAt: null });
  expect(due(AT + HOUR, undefined, report("2026-01-01T00:30:00.000Z"))).toBeUndefined();
});

test("a request is looked into at once, and once", () => {
  const asked = request("2026-01-01T00:10:00.000Z");
  expect(due(AT, asked)).toEqual({ destination: UID, mode: "check", requestedAt: asked.requestedAt });
  const answered = report("2026-01-01T00:10:01.000Z", asked.requestedAt);
  expect(due(AT, asked, answered)).toBeUndefined();
  // A look by the interval does not make it unanswered again.
  const later = storedReport(report("2026-01-01T02:00:00.000Z"), answered);
  expect(due(AT + 2 * HOUR, asked, later)).toBeUndefined();
});
