import { expect, test } from "vitest";
import { ASSOCIATION, command, entry, NOW, present, seenEvent } from "./fixtures.ts";
import { laneFor, type Trigger } from "./lane.ts";

const HOUR_MS = 3_600_000;
const firstSeen = seenEvent(present(true), [{ kind: "first-seen" }]);
const changed = seenEvent(present(true), [{ kind: "version-created", version: 2 }]);
const settle: Trigger = { kind: "settle" };

function associated(setAt: number) {
  return entry({ ...ASSOCIATION, updatedAt: new Date(setAt).toISOString() }, 1);
}

test.each<[string, Trigger, number, "live" | "bulk"]>([
  ["a person's set", { kind: "set" }, NOW, "live"],
  ["a person's remove", { kind: "removed", byPurge: false }, NOW, "live"],
  ["a purge", { kind: "removed", byPurge: true }, NOW, "bulk"],
  ["settle of what has no command", settle, NOW, "bulk"],
  ["a change of a known secret", { kind: "event", event: changed }, NOW - HOUR_MS, "live"],
  ["the first look at what a person has just set", { kind: "event", event: firstSeen }, NOW - 1_000, "live"],
  ["the first look at a mount", { kind: "event", event: firstSeen }, NOW - HOUR_MS, "bulk"],
])("%s goes by its lane", (_what, trigger, setAt, lane) => {
  const seen = { association: associated(setAt), state: entry(changed, 7), last: undefined };
  expect(laneFor(trigger, seen, NOW)).toBe(lane);
});

const resolvedFrom = { associationRevision: 1, stateSequence: 7 };

test.each<[string, typeof changed, number, "live" | "bulk"]>([
  ["a change that settle sees before the event's own turn", changed, 8, "live"],
  ["a first look at a mount that settle sees first", firstSeen, 8, "bulk"],
  ["what settle publishes again for the state it was resolved from", changed, 7, "bulk"],
])("%s goes by its lane", (_what, event, sequence, lane) => {
  const last = command({ resolvedFrom }, 3);
  const seen = { association: associated(NOW - HOUR_MS), state: entry(event, sequence), last };
  expect(laneFor(settle, seen, NOW)).toBe(lane);
});
