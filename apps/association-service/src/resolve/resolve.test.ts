import type { SecretState } from "@keyferry/contracts";
import { describe, expect, test } from "vitest";
import {
  ASSOCIATION,
  command,
  DESTINATION,
  entry,
  EPOCH,
  failure,
  present,
  recordAfter,
  SECRET_KEY,
  seenEvent,
  SYNCED,
  UNSYNCED,
} from "./fixtures.ts";
import { expectationOf, mayBeUnrecorded, type Resolution, resolve, type Seen } from "./resolve.ts";

const LIVE = present(true);
const DEAD = present(false);
const GONE: SecretState = { kind: "gone" };

function seen(fields: Partial<Seen> = {}): Seen {
  return {
    secretKey: SECRET_KEY,
    ruling: { kind: "none" },
    rulesSequence: 0,
    destination: DESTINATION,
    association: entry(ASSOCIATION, 5),
    state: entry(seenEvent(LIVE), 7),
    last: undefined,
    record: undefined,
    epoch: EPOCH,
    orphanConfirmed: false,
    ...fields,
  };
}

function summary(resolution: Resolution): string {
  if (resolution.kind !== "wish") {
    return resolution.kind === "none" ? `none: ${resolution.why}` : resolution.kind;
  }
  const { draft, leave } = resolution;
  const expects = draft.expect === null ? "nothing" : draft.expect.fingerprint.slice(0, 7);
  return `${draft.op}, permit ${leave.kind}, expects ${expects === "f1.gone" ? "gone" : expects === "nothing" ? "nothing" : "the state"}`;
}

type AssociationKind = "active" | "removed" | "absent";
type StateKind = "none" | "live" | "fallback" | "dead" | "gone";
const STATES: Record<StateKind, SecretState | undefined> = {
  none: undefined,
  live: LIVE,
  fallback: present(true, false),
  dead: DEAD,
  gone: GONE,
};

describe("a synced pair, for every kind of association and of state", () => {
  // Total: a new kind of either does not compile before its cell is written.
  const TABLE: Record<AssociationKind, Record<StateKind, string>> = {
    active: {
      none: "unknown",
      live: "sync, permit not-needed, expects the state",
      fallback: "sync, permit not-needed, expects the state",
      dead: "unsync, permit budget, expects the state",
      gone: "unsync, permit budget, expects gone",
    },
    removed: {
      none: "unsync, permit person, expects nothing",
      live: "unsync, permit person, expects nothing",
      fallback: "unsync, permit person, expects nothing",
      dead: "unsync, permit person, expects nothing",
      gone: "unsync, permit person, expects nothing",
    },
    absent: {
      none: "unsync, permit budget, expects nothing",
      live: "unsync, permit budget, expects nothing",
      fallback: "unsync, permit budget, expects nothing",
      dead: "unsync, permit budget, expects nothing",
      gone: "unsync, permit budget, expects nothing",
    },
  };
  const last = command(
    {
      expect: expectationOf(seenEvent(present(true, true))),
      resolvedFrom: { associationRevision: 1, stateSequence: 0 },
    },
    3,
  );
  const cells = Object.entries(TABLE).flatMap(([association, row]) =>
    Object.entries(row).map(([state, wished]) => [association, state, wished] as const),
  );
  test.each(cells)("association %s, state %s: %s", (association, state, wished) => {
    const secret = STATES[state as StateKind];
    const result = resolve(
      seen({
        association:
          association === "absent"
            ? undefined
            : entry({ ...ASSOCIATION, state: association as "active" | "removed" }, 5),
        state: secret === undefined ? undefined : entry(seenEvent(secret), 7),
        last,
        record: recordAfter(last, SYNCED),
        orphanConfirmed: true,
      }),
    );
    expect(summary(result)).toBe(wished);
  });
});

describe("nothing is known of a destination, or it is closing", () => {
  test("without a destination there is nobody to wish for", () => {
    expect(summary(resolve(seen({ destination: undefined })))).toBe("none: no-destination");
  });

  test.each(["deleting", "retired"] as const)(
    "an active association of a %s destination waits for its removal",
    (state) => {
      expect(summary(resolve(seen({ destination: { ...DESTINATION, state } })))).toBe(
        "none: destination-closing",
      );
    },
  );

  test.each(["deleting", "retired"] as const)(
    "remove-then-destroy: a tombstone of a %s destination is still unsynced",
    (state) => {
      const association = entry({ ...ASSOCIATION, state: "removed" as const }, 5);
      const result = resolve(seen({ destination: { ...DESTINATION, state }, association }));
      expect(summary(result)).toBe("unsync, permit person, expects nothing");
    },
  );
});

describe("RES-3: facts older than the last command's lead to another read", () => {
  const last = command({ resolvedFrom: { associationRevision: 5, stateSequence: 7 } }, 3);

  test("a state that was read older", () => {
    expect(summary(resolve(seen({ last, state: entry(seenEvent(LIVE), 6) })))).toBe("behind");
  });

  test("a state that was read missing", () => {
    expect(summary(resolve(seen({ last, state: undefined })))).toBe("behind");
  });

  test("stale-association-read: an association that was read older", () => {
    expect(summary(resolve(seen({ last, association: entry(ASSOCIATION, 4) })))).toBe("behind");
  });

  test("an association that was not found, as long as that is not confirmed", () => {
    expect(summary(resolve(seen({ last, association: undefined })))).toBe("behind");
  });

  test("sequences of another epoch are not compared", () => {
    const before = command(
      { epoch: EPOCH - 1, resolvedFrom: { associationRevision: 500, stateSequence: 700 } },
      3,
    );
    expect(resolve(seen({ last: before })).kind).toBe("wish");
  });

  test("a command that read no state keeps the sequence that was known, so that it never falls", () => {
    const association = entry({ ...ASSOCIATION, state: "removed" as const }, 5);
    const result = resolve(seen({ last, association, state: entry(seenEvent(LIVE), 9) }));
    expect(result).toMatchObject({ draft: { resolvedFrom: { stateSequence: 9 } } });
  });
});

describe("RES-4: permits", () => {
  const dead = entry(seenEvent(DEAD), 8);
  const synced = command({ expect: expectationOf(seenEvent(LIVE)) }, 3);

  test("nothing of ours in Key Vault: a delete needs no permit", () => {
    const unsynced = command({ op: "unsync" }, 4);
    const record = recordAfter(unsynced, UNSYNCED);
    expect(resolve(seen({ state: dead, last: unsynced, record }))).toMatchObject({
      leave: { kind: "not-needed" },
    });
    expect(resolve(seen({ state: dead }))).toMatchObject({ leave: { kind: "not-needed" } });
  });

  test("a sync that is under way may write a name: its delete needs one", () => {
    expect(resolve(seen({ state: dead, last: synced }))).toMatchObject({
      leave: { kind: "budget", fingerprint: dead.value.fingerprint },
    });
  });

  test.each([null, { by: "budget" as const, fingerprint: dead.value.fingerprint }])(
    "permit-counted-twice: a command for this very state keeps its permit %j",
    (permit) => {
      const first = resolve(seen({ state: dead, last: synced, record: recordAfter(synced, SYNCED) }));
      if (first.kind !== "wish") throw new Error("no wish");
      const last = command({ ...first.draft, permit }, 9);
      const again = resolve(seen({ state: dead, last, record: recordAfter(synced, SYNCED) }));
      expect(again).toMatchObject({ leave: { kind: "kept", permit } });
    },
  );

  test("another state of the same secret asks again", () => {
    const last = command({ op: "unsync", expect: expectationOf(seenEvent(GONE)), permit: null }, 9);
    const result = resolve(seen({ state: dead, last, record: recordAfter(synced, SYNCED) }));
    expect(result).toMatchObject({ leave: { kind: "budget" } });
  });

  test("all-streams-lost: what a look found, though no record told of it, is asked for once it is held", () => {
    const last = command({ op: "unsync", expect: expectationOf(dead.value), permit: null }, 9);
    const name = { name: "X", state: "live" as const, applied: null, intent: null };
    const held = { kind: "held" as const, error: failure("unexpected", "client-side") };
    const record = { ...recordAfter(last, held), names: { x: name } };
    expect(resolve(seen({ state: dead, last, record }))).toMatchObject({
      leave: { kind: "budget", fingerprint: dead.value.fingerprint },
    });
    const known = recordAfter(synced, SYNCED).names;
    expect(resolve(seen({ state: dead, last, record: { ...record, names: known } }))).toMatchObject({
      leave: { kind: "kept", permit: null },
    });
  });

  test("restored-stream: after an epoch change the delete of an orphan waits for a person", () => {
    const old = command({ epoch: EPOCH - 1 }, 3);
    const record = recordAfter(old, SYNCED);
    const result = resolve(seen({ association: undefined, last: undefined, record, orphanConfirmed: true }));
    expect(result).toMatchObject({ draft: { op: "unsync", expect: null }, leave: { kind: "withheld" } });
  });
});

test("a record may be gone where the association is older than the epoch, or is not there", () => {
  const since = (createdAt: number) =>
    entry({ ...ASSOCIATION, createdAt: new Date(createdAt).toISOString() }, 5);
  const epoch = 1_800_000_000_000;
  expect(mayBeUnrecorded({ association: since(epoch - 1), epoch })).toBe(true);
  expect(mayBeUnrecorded({ association: since(epoch + 3_600_000), epoch })).toBe(false);
  expect(mayBeUnrecorded({ association: undefined, epoch })).toBe(true);
});

test("an orphan that holds no name and is not commanded is left alone", () => {
  const unsynced = command({ op: "unsync" }, 3);
  const record = recordAfter(unsynced, UNSYNCED);
  const nothing = seen({ association: undefined, orphanConfirmed: true });
  expect(summary(resolve(nothing))).toBe("none: never-wished");
  expect(summary(resolve({ ...nothing, last: unsynced, record }))).toBe("none: already-unsynced");
});

test("template-patched: the command carries the association's spec, not the destination's of today", () => {
  const destination = { ...DESTINATION, spec: { ...DESTINATION.spec, nameTemplate: "other" } };
  expect(resolve(seen({ destination }))).toMatchObject({ draft: { spec: ASSOCIATION.spec } });
});
