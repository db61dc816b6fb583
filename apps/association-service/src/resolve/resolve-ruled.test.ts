// What rules make, where nobody has set or removed anything.
import type { AssociationRecord } from "@keyferry/contracts";
import { associationUidOf } from "@keyferry/naming";
import { describe, expect, test } from "vitest";
import { rule } from "../rules/fixtures.ts";
import {
  ASSOCIATION,
  command,
  DESTINATION,
  entry,
  EPOCH,
  present,
  recordAfter,
  SECRET_KEY,
  seenEvent,
  SYNCED,
  UNSYNCED,
  failure,
} from "./fixtures.ts";
import { expectationOf, resolve, type Seen } from "./resolve.ts";

const LIVE = entry(seenEvent(present(true)), 7);
const DEAD = entry(seenEvent(present(false)), 8);
const GONE = entry(seenEvent({ kind: "gone" }), 9);
const MADE = { kind: "made", rule: rule("r") } as const;
const SPEC = { ...rule("r").spec, byRule: true };

/** The rule's last sync of the pair, and its outcome. */
const last = command(
  {
    association: associationUidOf(DESTINATION.uid, SECRET_KEY),
    spec: SPEC,
    expect: expectationOf(LIVE.value),
    resolvedFrom: { associationRevision: 0, stateSequence: 7, rulesSequence: 4 },
  },
  20,
);
const record = recordAfter(last, SYNCED);

function seen(fields: Partial<Seen> = {}): Seen {
  return {
    secretKey: SECRET_KEY,
    destination: DESTINATION,
    association: undefined,
    associationRevision: 0,
    ruling: MADE,
    rulesSequence: 4,
    state: LIVE,
    last: undefined,
    record: undefined,
    epoch: EPOCH,
    orphanConfirmed: false,
    ...fields,
  };
}

describe("a pair that a rule makes", () => {
  test("is synced under the uid of the pair, by the rule's spec, which says that a rule chose the names", () => {
    expect(resolve(seen())).toMatchObject({
      kind: "wish",
      draft: {
        op: "sync",
        association: associationUidOf(DESTINATION.uid, SECRET_KEY),
        secret: LIVE.value.secret,
        spec: SPEC,
        resolvedFrom: { associationRevision: 0, stateSequence: 7, rulesSequence: 4 },
      },
      leave: { kind: "not-needed" },
    });
  });

  test("without a live version is unsynced if it was synced, and left alone if it never was", () => {
    expect(resolve(seen({ state: DEAD }))).toEqual({ kind: "none", why: "never-wished" });
    expect(resolve(seen({ state: DEAD, last, record }))).toMatchObject({
      draft: { op: "unsync", expect: expectationOf(DEAD.value) },
      leave: { kind: "budget" },
    });
  });

  test("no-state-is-not-gone: without a state what was synced is asked for, and nothing is deleted", () => {
    // The stream of states was lost: sequences of another epoch are not compared.
    const facts = seen({ ruling: { kind: "unknown" }, state: undefined, last, record, epoch: EPOCH + 1 });
    expect(resolve(facts)).toMatchObject({ kind: "unknown", secret: { path: "a" } });
  });
});

describe("a pair that no rule makes any more", () => {
  test.each([
    ["it opted out", { kind: "opted-out" } as const, LIVE],
    ["it is gone", { kind: "opted-out" } as const, GONE],
  ])("%s: unsynced from the budget, and only where the sink finds it so", (_name, ruling, state) => {
    expect(resolve(seen({ ruling, state, last, record }))).toMatchObject({
      draft: { op: "unsync", expect: expectationOf(state.value) },
      leave: { kind: "budget", fingerprint: state.value.fingerprint },
    });
  });

  test("unsync-without-source: the rule is gone: unsynced from the budget, and nothing of the source is asked", () => {
    for (const state of [LIVE, undefined]) {
      const facts = seen({ ruling: { kind: "none" }, state, last, record, rulesSequence: 5 });
      // Read missing, the state would be older than the last command's: only after an epoch change it is simply unknown.
      const epoch = state === undefined ? EPOCH + 1 : EPOCH;
      expect(resolve({ ...facts, epoch })).toMatchObject({ draft: { op: "unsync", expect: null } });
    }
  });

  test("permit-counted-twice: its unsync keeps what it was given", () => {
    const facts = seen({ ruling: { kind: "none" }, last, record, rulesSequence: 5 });
    const first = resolve(facts);
    if (first.kind !== "wish") throw new Error("no wish");
    const permitted = command({ ...first.draft, permit: null }, 21);
    expect(resolve({ ...facts, last: permitted })).toMatchObject({ leave: { kind: "kept", permit: null } });
  });

  test("another end of the same rule is another state: its permit is another one", () => {
    const again = command({ ...last.value }, 30);
    const of = (one: typeof last) =>
      resolve(
        seen({ ruling: { kind: "none" }, last: one, record: recordAfter(one, SYNCED), rulesSequence: 5 }),
      );
    expect(of(last)).not.toEqual(of(again));
  });

  test("when nothing of it is left it is left alone", () => {
    const unsynced = command({ ...last.value, op: "unsync" }, 22);
    const facts = seen({ ruling: { kind: "none" }, last: unsynced, record: recordAfter(unsynced, UNSYNCED) });
    expect(resolve(facts)).toEqual({ kind: "none", why: "already-unsynced" });
  });
});

describe("what is stored decides before rules do", () => {
  const stored = (state: AssociationRecord["state"]) => entry({ ...ASSOCIATION, state }, 6);

  test("rule-makes-it-again: an excluded pair is unsynced with the person's permit, if it was ever ordered", () => {
    const association = stored("excluded");
    expect(resolve(seen({ association }))).toEqual({ kind: "none", why: "never-wished" });
    expect(resolve(seen({ association, last, record }))).toMatchObject({
      draft: { op: "unsync", expect: null },
      leave: { kind: "person" },
    });
  });

  test("an association that a person set has its own spec", () => {
    expect(resolve(seen({ association: stored("active") }))).toMatchObject({
      draft: { spec: ASSOCIATION.spec },
    });
  });
});

describe("RES-3 for rules", () => {
  test("stale-association-read: a removal that is read missing is behind, a deleted one is not", () => {
    const removed = command({ op: "unsync", resolvedFrom: { associationRevision: 6, stateSequence: 7 } }, 21);
    expect(resolve(seen({ last: removed, associationRevision: 3 })).kind).toBe("behind");
    expect(resolve(seen({ last: removed, associationRevision: 8 }))).toMatchObject({ draft: { op: "sync" } });
  });

  test("rules that were read older are behind", () => {
    expect(resolve(seen({ last, record, rulesSequence: 3 })).kind).toBe("behind");
  });

  test("a set association that is not found is behind, also where a rule would make it", () => {
    const set = command({ resolvedFrom: { associationRevision: 0, stateSequence: 7 } }, 21);
    expect(resolve(seen({ last: set })).kind).toBe("behind");
    expect(resolve(seen({ last: set, orphanConfirmed: true }))).toMatchObject({ draft: { op: "sync" } });
  });
});

describe("names that a sync drops (O6)", () => {
  const held = { kind: "held" as const, error: failure("unexpected", "client-side") };

  test("leave is asked once it is known that names are held, for this very state", () => {
    const before = resolve(seen({ last, record }));
    expect(before).toMatchObject({ leave: { kind: "not-needed" } });
    expect(resolve(seen({ last, record: recordAfter(last, held) }))).toMatchObject({
      draft: { op: "sync" },
      leave: { kind: "budget", fingerprint: `drop.${LIVE.value.fingerprint}` },
    });
  });

  test("what was given stays, and another state begins anew", () => {
    const permit = { by: "budget" as const, fingerprint: `drop.${LIVE.value.fingerprint}` };
    const permitted = command({ ...last.value, permit }, 21);
    expect(resolve(seen({ last: permitted, record }))).toMatchObject({ leave: { kind: "kept", permit } });
    const next = entry(seenEvent(present(true, true)), 8);
    expect(resolve(seen({ last: permitted, record, state: next }))).toMatchObject({
      leave: { kind: "not-needed" },
    });
  });
});

test("remount-keeps-accessor: a secret is read where its mount is now, and named as it was when it was set", () => {
  const moved = { ...LIVE.value, secret: { ...ASSOCIATION.secret, mount: "elsewhere", namespace: "team" } };
  const result = resolve(seen({ association: entry(ASSOCIATION, 5), state: entry(moved, 7) }));
  expect(result).toMatchObject({
    draft: {
      secret: { mount: "elsewhere", namespace: "team", accessor: ASSOCIATION.secret.accessor },
      namedAs: { namespace: "", mount: "kv" },
    },
  });
  const other = { ...moved, secret: { ...moved.secret, accessor: "kv_2" } };
  const unmoved = resolve(seen({ association: entry(ASSOCIATION, 5), state: entry(other, 7) }));
  expect(unmoved).toMatchObject({ draft: { secret: ASSOCIATION.secret } });
});
