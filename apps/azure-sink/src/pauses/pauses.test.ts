import type { PausesRecord } from "@keyferry/contracts";
import { expect, test } from "vitest";
import { Pauses } from "./pauses.ts";

const DESTINATION = "aaaaaaaaaaaaa";
const KEY = "k".repeat(26);
const PAUSE = { since: "2026-01-01T00:00:00Z", reason: "maintenance" };

function world() {
  let change: (key: string, entry: { value: PausesRecord } | undefined) => void = () => undefined;
  const parked: string[] = [];
  const pauses = new Pauses({
    view: {
      get: () => undefined,
      onChange(listener) {
        change = (key, entry) =>
          listener(key, entry === undefined ? undefined : { ...entry, sequence: 1, time: 0 });
        return () => undefined;
      },
    },
    later: {
      async park(destination, key) {
        parked.push(`${destination}.${key}`);
      },
    },
    clock: { now: () => 0, sleep: async () => undefined },
  });
  const set = (over: Partial<PausesRecord>): void =>
    change("pause.all", { value: { major: 1, all: null, destinations: {}, associations: {}, ...over } });
  return { pauses, set, parked };
}

const PAIR = { destination: DESTINATION, secretKey: KEY };

test("nothing is paused before anybody pauses", () => {
  const { pauses } = world();
  pauses.check(PAIR);
  expect(pauses.isPaused(DESTINATION)).toBe(false);
});

test.each([
  ["everything", { all: PAUSE }],
  ["its destination", { destinations: { [DESTINATION]: PAUSE } }],
  ["its association", { associations: { [`${DESTINATION}.${KEY}`]: PAUSE } }],
] as const)("a pair is held by a pause of %s, which says why, and woken when it ends", (_what, record) => {
  const { pauses, set, parked } = world();
  set(record);
  expect(() => pauses.check(PAIR)).toThrow(/maintenance/);
  expect(parked).toEqual([]);
  set({});
  pauses.check(PAIR);
  expect(parked).toEqual([`${DESTINATION}.${KEY}`]);
});

test("a pause of a destination ends the waits there and nowhere else, and a later wait starts afresh", () => {
  const { pauses, set } = world();
  const here = pauses.signal(DESTINATION);
  const elsewhere = pauses.signal("bbbbbbbbbbbbb");
  set({ destinations: { [DESTINATION]: PAUSE } });
  expect([here.aborted, elsewhere.aborted, pauses.signal(DESTINATION).aborted]).toEqual([true, false, true]);
  set({});
  expect(pauses.signal(DESTINATION).aborted).toBe(false);
});

test("a pause of one association does not end its destination's waits", () => {
  const { pauses, set } = world();
  set({ associations: { [`${DESTINATION}.${KEY}`]: PAUSE } });
  expect(pauses.isPaused(DESTINATION)).toBe(false);
  expect(pauses.signal(DESTINATION).aborted).toBe(false);
});

test("an association whose pause ends is woken also by a sink that was started since", () => {
  const { set, parked } = world();
  set({ associations: { [`${DESTINATION}.${KEY}`]: PAUSE } });
  set({});
  expect(parked).toEqual([`${DESTINATION}.${KEY}`]);
});
