import { type Change, fingerprintOf, type PresentState, type SecretState } from "@keyferry/contracts";
import { describe, expect, test } from "vitest";
import { diff, type KnownState } from "./diff.ts";

type Versions = PresentState["versions"];

const SEEN_AT = Date.parse("2026-11-24T07:00:00Z");
const LIVE = { createdTime: "2026-11-24T06:00:00.1Z", deletionTime: "", destroyed: false, live: true };
const DELETED = { ...LIVE, deletionTime: "2026-11-24T06:30:00Z", live: false };
const EXPIRING = { ...LIVE, deletionTime: "2026-11-24T08:00:00Z" };
const EXPIRED = { ...EXPIRING, live: false };
const DESTROYED = { ...LIVE, destroyed: true, live: false };
const GONE: SecretState = { kind: "gone" };

function present(current: number, versions: Versions, more: Partial<PresentState> = {}): PresentState {
  return {
    kind: "present",
    incarnation: "2026-11-24T06:00:00Z",
    current,
    oldest: 0,
    versions,
    customMetadata: {},
    maxVersions: 0,
    casRequired: false,
    deleteVersionAfter: "0s",
    ...more,
  };
}

const known = (state: SecretState): KnownState => ({ state, readStartedAt: SEEN_AT });

interface Row {
  readonly what: string;
  readonly before: SecretState | undefined;
  readonly after: SecretState;
  readonly changes: readonly Change[];
}

const TRANSITIONS: readonly Row[] = [
  {
    what: "the first look",
    before: undefined,
    after: present(1, { 1: LIVE }),
    changes: [{ kind: "first-seen" }],
  },
  {
    what: "a new version",
    before: present(1, { 1: LIVE }),
    after: present(2, { 1: LIVE, 2: LIVE }),
    changes: [{ kind: "version-created", version: 2 }],
  },
  {
    what: "several versions after an outage, one of them dead already, an old one pruned",
    before: present(1, { 1: LIVE }),
    after: present(4, { 2: LIVE, 3: DELETED, 4: DESTROYED }, { oldest: 2 }),
    changes: [
      { kind: "version-created", version: 2 },
      { kind: "version-created", version: 3 },
      { kind: "version-deleted", version: 3, expired: false },
      { kind: "version-created", version: 4 },
      { kind: "version-destroyed", version: 4 },
      { kind: "version-pruned", version: 1 },
    ],
  },
  {
    what: "a delete",
    before: present(1, { 1: LIVE }),
    after: present(1, { 1: DELETED }),
    changes: [{ kind: "version-deleted", version: 1, expired: false }],
  },
  {
    what: "an undelete",
    before: present(1, { 1: DELETED }),
    after: present(1, { 1: LIVE }),
    changes: [{ kind: "version-undeleted", version: 1 }],
  },
  {
    what: "a destroy",
    before: present(1, { 1: DELETED }),
    after: present(1, { 1: { ...DELETED, destroyed: true } }),
    changes: [{ kind: "version-destroyed", version: 1 }],
  },
  {
    what: "an expiry, where the metadata is the same",
    before: present(1, { 1: EXPIRING }),
    after: present(1, { 1: EXPIRED }),
    changes: [{ kind: "version-deleted", version: 1, expired: true }],
  },
  {
    what: "a delete before the expiry",
    before: present(1, { 1: EXPIRING }),
    after: present(1, { 1: DELETED }),
    changes: [{ kind: "version-deleted", version: 1, expired: false }],
  },
  {
    what: "an undelete that sets a new expiry",
    before: present(1, { 1: DELETED }),
    after: present(1, { 1: EXPIRING }),
    changes: [{ kind: "version-undeleted", version: 1 }],
  },
  {
    what: "custom metadata",
    before: present(1, { 1: LIVE }),
    after: present(1, { 1: LIVE }, { customMetadata: { owner: "me" } }),
    changes: [{ kind: "metadata-updated" }],
  },
  {
    what: "settings and a version at once",
    before: present(1, { 1: LIVE }),
    after: present(
      2,
      { 1: LIVE, 2: LIVE },
      { maxVersions: 3, casRequired: true, deleteVersionAfter: "1h0m0s" },
    ),
    changes: [{ kind: "version-created", version: 2 }, { kind: "metadata-updated" }],
  },
  {
    what: "a time that moved without a change of liveness",
    before: present(1, { 1: EXPIRING }),
    after: present(1, { 1: { ...EXPIRING, deletionTime: "2026-11-24T09:00:00Z" } }),
    changes: [{ kind: "metadata-updated" }],
  },
  {
    what: "a secret that is made anew after it was gone",
    before: GONE,
    after: present(1, { 1: LIVE }, { incarnation: "2026-11-24T07:00:01Z" }),
    changes: [{ kind: "secret-created" }, { kind: "version-created", version: 1 }],
  },
];

describe("transitions that one read is enough for", () => {
  test.for(TRANSITIONS)("$what", ({ before, after, changes }) => {
    expect(diff(before && known(before), after, false)).toEqual({
      kind: "event",
      changes,
      state: after,
      fingerprint: fingerprintOf(after),
    });
  });
});

const REGRESSIONS: readonly (Row & { why: string })[] = [
  {
    what: "gone",
    why: "gone",
    before: present(1, { 1: LIVE }),
    after: GONE,
    changes: [{ kind: "secret-deleted" }],
  },
  {
    what: "gone at the first look",
    why: "gone",
    before: undefined,
    after: GONE,
    changes: [{ kind: "first-seen" }],
  },
  {
    what: "another incarnation",
    why: "re-created",
    before: present(2, { 1: LIVE, 2: LIVE }),
    after: present(1, { 1: LIVE }, { incarnation: "2026-11-24T06:59:00Z" }),
    changes: [
      { kind: "secret-deleted" },
      { kind: "secret-created" },
      { kind: "version-created", version: 1 },
    ],
  },
  {
    what: "a secret that was gone, created before it was seen to be gone",
    why: "re-created",
    before: GONE,
    after: present(1, { 1: LIVE }),
    changes: [{ kind: "secret-created" }, { kind: "version-created", version: 1 }],
  },
  {
    what: "a lower current version",
    why: "regressed",
    before: present(3, { 2: LIVE, 3: LIVE }, { oldest: 2 }),
    after: present(2, { 2: LIVE }, { oldest: 2 }),
    changes: [
      { kind: "regressed", from: 3, to: 2 },
      { kind: "version-pruned", version: 3 },
    ],
  },
  {
    what: "the same number written again under another time (hazard source-snapshot-restore)",
    why: "regressed",
    before: present(2, { 2: LIVE }),
    after: present(2, { 2: { ...LIVE, createdTime: "2026-11-24T06:50:00Z" } }),
    changes: [{ kind: "regressed", from: 2, to: 2 }, { kind: "metadata-updated" }],
  },
  {
    what: "a destroyed version that is back",
    why: "regressed",
    before: present(1, { 1: DESTROYED }),
    after: present(1, { 1: LIVE }),
    changes: [
      { kind: "regressed", from: 1, to: 1 },
      { kind: "version-undeleted", version: 1 },
    ],
  },
  {
    what: "pruned versions that are back",
    why: "regressed",
    before: present(2, { 2: LIVE }, { oldest: 2 }),
    after: present(2, { 1: LIVE, 2: LIVE }),
    changes: [
      { kind: "regressed", from: 2, to: 2 },
      { kind: "version-created", version: 1 },
    ],
  },
];

describe("hazard regression-by-stale-read: a second read has to say so too", () => {
  test.for(REGRESSIONS)("$what", ({ before, after, changes, why }) => {
    expect(diff(before && known(before), after, false)).toEqual({ kind: "confirm", why });
    const expected = changes.filter((change) => change.kind !== "metadata-updated");
    expect(diff(before && known(before), after, true)).toMatchObject({ kind: "event", state: after });
    expect(diff(before && known(before), after, true)).toHaveProperty(
      "changes",
      expect.arrayContaining([...expected]),
    );
  });
});

test("the same state is no event, also under another form of fingerprint", () => {
  const state = present(1, { 1: LIVE });
  expect(diff(known(state), { ...state }, false)).toEqual({ kind: "unchanged" });
  expect(diff(known(GONE), GONE, false)).toEqual({ kind: "unchanged" });
});

test("hazard delete-undelete-delete: each of them is an event", () => {
  const states = [DELETED, LIVE, DELETED].map((version) => present(1, { 1: version }));
  const before = [present(1, { 1: LIVE }), ...states];
  const kinds = states.map((state, index) => diff(known(before[index] ?? state), state, false).kind);
  expect(kinds).toEqual(["event", "event", "event"]);
});
