import { expect, test } from "vitest";
import type { AssociationStatus, SyncStatus } from "../status/status.ts";
import { countAll } from "./count-all.ts";

const NOW = Date.parse("2026-11-24T10:00:00Z");

function at(status: SyncStatus, since: string, reason = "", held = false) {
  const one: AssociationStatus = {
    status,
    reason,
    since,
    nextStep: "",
    externalNames: [],
    names: [],
    version: undefined,
  };
  return { status: one, held };
}

test("what waits longest counts, but not what a person holds or has paused", () => {
  const figures = countAll(
    [
      at("SYNCED", "2026-11-01T00:00:00Z"),
      at("PENDING", "2026-11-24T09:59:30Z"),
      at("PENDING", "2026-11-24T09:59:50Z"),
      at("PENDING", "2026-11-23T00:00:00Z", "held-for-approval: …", true),
      at("PENDING", "2026-11-22T00:00:00Z", "paused: maintenance"),
    ],
    NOW,
  );
  expect(figures.byStatus).toEqual(
    new Map([
      ["SYNCED", 1],
      ["PENDING", 4],
    ]),
  );
  expect(figures.held).toBe(1);
  expect(figures.oldestPendingS).toBe(30);
});

test("where nothing waits the oldest is 0, also with a clock that is behind", () => {
  expect(countAll([at("SYNCED", "2026-11-01T00:00:00Z")], NOW).oldestPendingS).toBe(0);
  expect(countAll([at("PENDING", "2026-11-24T11:00:00Z")], NOW).oldestPendingS).toBe(0);
});
