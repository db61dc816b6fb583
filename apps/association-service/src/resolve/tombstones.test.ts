import { expect, test } from "vitest";
import { ASSOCIATION, command, recordAfter, SYNCED, UNSYNCED } from "./fixtures.ts";
import { isFinished } from "./tombstones.ts";

const REMOVED = { ...ASSOCIATION, state: "removed" as const };
const unsync = command({ op: "unsync", permit: { by: "person" } }, 5);
const sync = command({}, 4);

test("a tombstone whose own unsync has ended is finished", () => {
  expect(isFinished(REMOVED, unsync, recordAfter(unsync, UNSYNCED))).toBe(true);
});

test.each([
  ["an active association", ASSOCIATION, unsync, recordAfter(unsync, UNSYNCED)],
  ["no command yet", REMOVED, undefined, undefined],
  ["an unsync that has not ended", REMOVED, unsync, recordAfter(sync, SYNCED)],
  [
    "an unsync that was source-driven",
    REMOVED,
    command({ op: "unsync" }, 5),
    recordAfter(command({ op: "unsync" }, 5), UNSYNCED),
  ],
  [
    "an unsync of an earlier association",
    { ...REMOVED, uid: "anotheruid234567" },
    unsync,
    recordAfter(unsync, UNSYNCED),
  ],
  ["a sync that came after it", REMOVED, command({}, 6), recordAfter(unsync, UNSYNCED)],
  [
    "an unsync that was held",
    REMOVED,
    unsync,
    recordAfter(unsync, {
      kind: "held",
      error: {
        code: "held-for-approval",
        class: "client-side",
        retry: "later",
        message: "",
        advice: "",
        details: {},
      },
    }),
  ],
])("with %s it stays", (_what, association, last, record) => {
  expect(isFinished(association, last, record)).toBe(false);
});
