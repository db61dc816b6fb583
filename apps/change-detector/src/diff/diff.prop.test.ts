// Properties of the diff over random histories of KVv2 operations, seen at random moments.
import { type Change, fingerprintOf, type SecretState } from "@keyferry/contracts";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { KvModel } from "../simulated/kv-model.ts";
import { diff, type KnownState } from "./diff.ts";

const version = fc.integer({ min: 1, max: 14 });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant("write" as const) }) },
  fc.record({ op: fc.constantFrom("remove", "undelete", "destroy"), version }),
  fc.record({ op: fc.constant("setMetadata" as const), owner: fc.constantFrom("a", "b") }),
  fc.record({ op: fc.constant("setExpiry" as const), seconds: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ op: fc.constant("removeMetadata" as const) }),
  fc.record({ op: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 3_000 }) }),
  { weight: 4, arbitrary: fc.record({ op: fc.constant("look" as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const PATH = "p";

/** What a detector's looks saw, in order. */
function observationsOf(history: readonly Step[]): { state: SecretState; at: number }[] {
  let now = Date.parse("2026-11-24T07:00:00Z");
  const model = new KvModel(() => now);
  const seen: { state: SecretState; at: number }[] = [];
  for (const step of [...history, { op: "look" as const }]) {
    now += 1;
    if (step.op === "write") model.write(PATH);
    else if (step.op === "setMetadata") model.setMetadata(PATH, { owner: step.owner });
    else if (step.op === "setExpiry") model.setMetadata(PATH, {}, step.seconds * 1_000);
    else if (step.op === "removeMetadata") model.removeMetadata(PATH);
    else if (step.op === "wait") now += step.ms;
    else if (step.op === "look") seen.push({ state: model.state(PATH), at: now });
    else model[step.op](PATH, step.version);
  }
  return seen;
}

interface Published {
  readonly state: SecretState;
  readonly changes: readonly Change[];
  readonly before: SecretState | undefined;
}

function foldOf(history: readonly Step[]): { events: Published[]; last: SecretState } {
  const events: Published[] = [];
  let known: KnownState | undefined;
  let last: SecretState = { kind: "gone" };
  for (const { state, at } of observationsOf(history)) {
    last = state;
    const first = diff(known, state, false);
    const verdict = first.kind === "confirm" ? diff(known, state, true) : first;
    if (verdict.kind !== "event") continue;
    events.push({ state: verdict.state, changes: verdict.changes, before: known?.state });
    known = { state: verdict.state, readStartedAt: at };
  }
  return { events, last };
}

const history = fc.array(step, { maxLength: 40 });
const RUNS = Number(process.env["KF_PROP_RUNS"] ?? 500);
const histories = (): Step[][] => fc.sample(history, RUNS);

test("the last event holds exactly what the last look saw", () => {
  for (const steps of histories()) {
    const { events, last } = foldOf(steps);
    expect(events.at(-1)?.state).toEqual(last);
  }
});

test("no two events in a row have one fingerprint, and each has a change", () => {
  for (const steps of histories()) {
    const { events } = foldOf(steps);
    const repeats = events.filter(
      ({ state, before, changes }) =>
        changes.length === 0 || (before !== undefined && fingerprintOf(before) === fingerprintOf(state)),
    );
    expect(repeats).toEqual([]);
  }
});

function liveOf(state: SecretState | undefined): Set<number> {
  if (state === undefined || state.kind === "gone") return new Set();
  return new Set(
    Object.entries(state.versions).flatMap(([number, { live }]) => (live ? [Number(number)] : [])),
  );
}

function applyTo(live: Set<number>, change: Change): void {
  if (change.kind === "secret-deleted") live.clear();
  if (change.kind === "version-created" || change.kind === "version-undeleted") live.add(change.version);
  if (
    change.kind === "version-deleted" ||
    change.kind === "version-destroyed" ||
    change.kind === "version-pruned"
  ) {
    live.delete(change.version);
  }
}

test("the changes' labels account for every version that came alive or died", () => {
  for (const steps of histories()) {
    for (const { before, state, changes } of foldOf(steps).events) {
      if (before === undefined) continue;
      const live = liveOf(before);
      for (const change of changes) applyTo(live, change);
      expect(live).toEqual(liveOf(state));
    }
  }
});

test("without a regression of the source no read needs a second one, but for gone and made anew", () => {
  for (const steps of histories()) {
    let known: KnownState | undefined;
    for (const { state, at } of observationsOf(steps)) {
      const verdict = diff(known, state, false);
      expect(verdict).not.toEqual({ kind: "confirm", why: "regressed" });
      known = { state, readStartedAt: at };
    }
  }
});
