import { wishDigest } from "@keyferry/contracts";
import { describe, expect, test } from "vitest";
import { command, EPOCH, failure, NOW, recordAfter, SYNCED, UNSYNCED } from "../resolve/fixtures.ts";
import {
  LATE_CHECK_GRACE_MS,
  OTHER_VERSION_AGAIN_MS,
  PASSED_OVER_AFTER_MS,
  REFUSED_AGAIN_MS,
  settle,
  type SettleFacts,
  WAITING_GRACE_MS,
} from "./settle.ts";

const last = command({}, 100);
const WISH = wishDigest(last.value);
const BEFORE = command({}, 50);

function facts(fields: Partial<SettleFacts> = {}): SettleFacts {
  return {
    wish: WISH,
    last,
    lastWish: WISH,
    record: recordAfter(last, SYNCED),
    ackFloor: 100,
    isLaneIdle: false,
    version: 1,
    now: NOW,
    ...fields,
  };
}

const waiting = (until: number) =>
  ({ kind: "waiting", until, attempts: 1, error: failure("vault-error", "external-service") }) as const;
const refused = { kind: "refused", error: failure("foreign-owner", "client-side") } as const;
const held = { kind: "held", error: failure("foreign-owner", "client-side") } as const;
const withLook = (at: number) => ({
  ...recordAfter(last, SYNCED),
  verify: [{ opId: "op", name: "app", action: "put" as const, at: [at] }],
});
const noOutcome = { ...recordAfter(last, SYNCED), outcome: null };

describe("what settle makes of every way in which a command can have ended", () => {
  const CASES: [string, Partial<SettleFacts>, string][] = [
    [
      "never commanded",
      { last: undefined, lastWish: undefined, record: undefined },
      "publish never-commanded",
    ],
    ["another wish than the last command's", { lastWish: "other" }, "publish wish-changed"],
    ["synced", {}, "leave settled"],
    ["synced with another version than the state shows, a moment ago", { version: 2 }, "leave settled"],
    [
      "source-snapshot-restore: synced with another version than the state shows, and no event came",
      { version: 2, record: recordAfter(last, SYNCED, NOW - OTHER_VERSION_AGAIN_MS) },
      "publish another-version",
    ],
    ["unsynced", { record: recordAfter(last, UNSYNCED) }, "leave settled"],
    ["synced, with a second look to come", { record: withLook(NOW + 1) }, "leave settled"],
    [
      "synced, with a second look that nobody made (Redis was lost)",
      { record: withLook(NOW - LATE_CHECK_GRACE_MS) },
      "publish late-check-overdue",
    ],
    ["held", { record: recordAfter(last, held) }, "leave held"],
    ["refused a moment ago", { record: recordAfter(last, refused) }, "leave refused"],
    [
      "refused six hours ago",
      { record: recordAfter(last, refused, NOW - REFUSED_AGAIN_MS) },
      "publish refused-look-again",
    ],
    ["waiting", { record: recordAfter(last, waiting(NOW + 1)) }, "leave waiting"],
    ["waiting, due a moment ago", { record: recordAfter(last, waiting(NOW - 1)) }, "leave waiting"],
    [
      "later-set-lost: waiting, long due",
      { record: recordAfter(last, waiting(NOW - WAITING_GRACE_MS)) },
      "publish waited-too-long",
    ],
    ["not consumed, not acked", { record: undefined, ackFloor: 99 }, "leave pending"],
    [
      "not consumed, with an older outcome, not acked",
      { record: recordAfter(BEFORE, SYNCED), ackFloor: 99 },
      "leave pending",
    ],
    [
      "tail-lost: not acked for long, and its lane has nothing to hand out",
      { record: undefined, ackFloor: 99, isLaneIdle: true, now: last.time + PASSED_OVER_AFTER_MS },
      "publish passed-over",
    ],
    [
      "not acked, its lane is idle, and it is too young to have been passed over",
      { record: undefined, ackFloor: 99, isLaneIdle: true, now: last.time + PASSED_OVER_AFTER_MS - 1 },
      "leave pending",
    ],
    ["acked, but no record", { record: undefined }, "publish acked-without-outcome"],
    [
      "acked, but the outcome is an older command's",
      { record: recordAfter(BEFORE, SYNCED) },
      "publish acked-without-outcome",
    ],
    ["consumed, but the record holds no outcome", { record: noOutcome }, "publish acked-without-outcome"],
    [
      "tail-lost: the record is of a later command with another wish",
      { record: recordAfter(command({ op: "unsync" }, 130), UNSYNCED), ackFloor: 0 },
      "publish outcome-of-another-wish",
    ],
    [
      "the record is of an earlier epoch",
      { record: recordAfter(command({ epoch: EPOCH - 1 }, 999), SYNCED), ackFloor: 99 },
      "leave pending",
    ],
  ];
  test.each(CASES)("%s", (_what, fields, verdict) => {
    const { kind, why } = settle(facts(fields));
    expect(`${kind} ${why}`).toBe(verdict);
  });
});
