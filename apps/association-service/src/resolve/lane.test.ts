import { expect, test } from "vitest";
import { NOW, present, seenEvent } from "./fixtures.ts";
import { laneFor, type Trigger } from "./lane.ts";

const HOUR_MS = 3_600_000;
const firstSeen: Trigger = { kind: "event", event: seenEvent(present(true), [{ kind: "first-seen" }]) };
const changed: Trigger = {
  kind: "event",
  event: seenEvent(present(true), [{ kind: "version-created", version: 2 }]),
};

test.each<[string, Trigger, number | undefined, "live" | "bulk"]>([
  ["a person's set", { kind: "set" }, NOW, "live"],
  ["a person's remove", { kind: "removed", byPurge: false }, NOW, "live"],
  ["a purge", { kind: "removed", byPurge: true }, NOW, "bulk"],
  ["settle", { kind: "settle" }, NOW, "bulk"],
  ["a change of a known secret", changed, NOW - HOUR_MS, "live"],
  ["the first look at what a person has just set", firstSeen, NOW - 1_000, "live"],
  ["the first look at a mount", firstSeen, NOW - HOUR_MS, "bulk"],
])("%s goes by its lane", (_what, trigger, setAt, lane) => {
  expect(laneFor(trigger, setAt, NOW)).toBe(lane);
});
