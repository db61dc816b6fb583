// Properties of resolve, settle and spend over arbitrary histories of one pair. KF_PROP_RUNS and KF_PROP_SEED repeat a run.
import { type SecretState, type SyncRecord, wishDigest } from "@keyferry/contracts";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { CommandEntry, Entry } from "../ports.ts";
import { settle } from "../settle/settle.ts";
import {
  ASSOCIATION,
  command,
  DESTINATION,
  entry,
  EPOCH,
  NOW,
  present,
  recordAfter,
  SECRET_KEY,
  seenEvent,
} from "./fixtures.ts";
import { resolve, type Seen } from "./resolve.ts";

const SETTINGS = {
  numRuns: Number(process.env["KF_PROP_RUNS"] ?? 500),
  ...(process.env["KF_PROP_SEED"] === undefined ? {} : { seed: Number(process.env["KF_PROP_SEED"]) }),
};

const secretState: fc.Arbitrary<SecretState> = fc.oneof(
  fc.constant<SecretState>({ kind: "gone" }),
  fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }).map((live) => present(...live)),
);

/** A step of the world: the source changes, a person acts, or the sink consumes the last command. */
const step = fc.oneof(
  secretState.map((state) => ({ kind: "state" as const, state })),
  fc
    .constantFrom("active" as const, "removed" as const)
    .map((state) => ({ kind: "association" as const, state })),
  fc.constant({ kind: "consume" as const }),
  fc.constant({ kind: "resolve" as const }),
);

interface Model {
  state: Entry<ReturnType<typeof seenEvent>> | undefined;
  association: Entry<typeof ASSOCIATION>;
  last: CommandEntry | undefined;
  record: SyncRecord | undefined;
  sequence: number;
}

function look(model: Model): Seen {
  const { state, association, last, record } = model;
  const unruled = { secretKey: SECRET_KEY, ruling: { kind: "none" as const }, rulesSequence: 0 };
  return {
    ...unruled,
    destination: DESTINATION,
    association,
    state,
    last,
    record,
    epoch: EPOCH,
    orphanConfirmed: false,
  };
}

/** One look of the resolver, publishing unless the wish is the last one. @returns true if it published */
function resolveOnce(model: Model): boolean {
  const resolution = resolve(look(model));
  if (resolution.kind !== "wish") return false;
  const { draft, leave } = resolution;
  const permit = permitOf(leave);
  if (model.last !== undefined && wishDigest(model.last.value) === wishDigest({ ...draft, permit }))
    return false;
  model.sequence += 1;
  model.last = command({ ...draft, permit }, model.sequence);
  return true;
}

function permitOf(leave: { kind: string; permit?: unknown; fingerprint?: string }) {
  if (leave.kind === "person") return { by: "person" as const };
  if (leave.kind === "budget") return { by: "budget" as const, fingerprint: leave.fingerprint ?? "" };
  return leave.kind === "kept" ? (leave.permit as null) : null;
}

function consume(model: Model): void {
  const { last } = model;
  if (last === undefined) return;
  const outcome =
    last.value.op === "sync"
      ? ({ kind: "synced", version: last.value.expect?.current ?? 0, wrote: true } as const)
      : ({ kind: "unsynced", wrote: true } as const);
  model.record = recordAfter(last, outcome);
}

function run(steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[]): Model {
  const model: Model = {
    state: undefined,
    association: entry(ASSOCIATION, 1),
    last: undefined,
    record: undefined,
    sequence: 10,
  };
  for (const each of steps) {
    model.sequence += 1;
    if (each.kind === "state") model.state = entry(seenEvent(each.state), model.sequence);
    else if (each.kind === "association")
      model.association = entry({ ...ASSOCIATION, state: each.state }, model.sequence);
    else if (each.kind === "consume") consume(model);
    else resolveOnce(model);
  }
  return model;
}

test("P4: resolving twice publishes once", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const model = run(steps);
      resolveOnce(model);
      expect(resolveOnce(model)).toBe(false);
    }),
    SETTINGS,
  );
});

test("P1: after a look and its consumption, settle finds nothing to do", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const model = run(steps);
      resolveOnce(model);
      consume(model);
      const resolution = resolve(look(model));
      if (resolution.kind !== "wish" || model.last === undefined) return;
      const wish = wishDigest({ ...resolution.draft, permit: permitOf(resolution.leave) });
      const { last, record } = model;
      const lastWish = wishDigest(last.value);
      const lane = { ackFloor: model.sequence, isLaneIdle: true, version: undefined };
      expect(settle({ wish, last, lastWish, record, ...lane, now: NOW })).toEqual({
        kind: "leave",
        why: "settled",
      });
    }),
    SETTINGS,
  );
});

test("no sync is wished for what has no live version, and no unsync of what has one unless a person removed it", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const model = run(steps);
      const resolution = resolve(look(model));
      if (resolution.kind !== "wish") return;
      const { op } = resolution.draft;
      const removed = model.association.value.state === "removed";
      const state = model.state?.value.state;
      const isLive =
        state?.kind === "present" && Object.values(state.versions).some((version) => version.live);
      expect(op).toBe(!removed && isLive ? "sync" : "unsync");
      // RES-2: only a person's unsync expects nothing.
      expect(resolution.draft.expect === null).toBe(removed);
    }),
    SETTINGS,
  );
});

test("resolving reads what it knows only: the same facts give the same wish", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const model = run(steps);
      expect(resolve(look(model))).toEqual(resolve(structuredClone(look(model))));
    }),
    SETTINGS,
  );
});
