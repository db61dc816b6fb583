import type { PresentState, SecretState } from "@keyferry/contracts";
import { expect, test } from "vitest";
import { VirtualClock } from "../simulated/virtual-clock.ts";
import { Expiry, nextExpiry } from "./expiry.ts";

const T0 = Date.parse("2026-11-24T07:00:00Z");

function expiring(...seconds: (number | "dead")[]): PresentState {
  const versions: PresentState["versions"] = {};
  for (const [index, at] of seconds.entries()) {
    const deletionTime = at === "dead" ? "2026-11-24T06:00:00Z" : new Date(T0 + at * 1_000).toISOString();
    versions[String(index + 1)] = { createdTime: "t", deletionTime, destroyed: false, live: at !== "dead" };
  }
  return {
    kind: "present",
    incarnation: "i",
    current: seconds.length,
    oldest: 0,
    versions,
    customMetadata: {},
    maxVersions: 0,
    casRequired: false,
    deleteVersionAfter: "0s",
  };
}

function harness() {
  const clock = new VirtualClock(T0);
  const states = new Map<string, SecretState>();
  const due: [string, number][] = [];
  const expiry = new Expiry({
    clock,
    stateOf: (key) => states.get(key),
    onDue: (key) => due.push([key, (clock.now() - T0) / 1_000]),
  });
  const set = (key: string, state: SecretState): void => {
    states.set(key, state);
    expiry.follow(key, state);
  };
  return { clock, due, expiry, set };
}

test("the next expiry is the earliest of versions that are live", () => {
  expect(nextExpiry(expiring("dead", 20, 10))).toBe(T0 + 10_000);
  expect(nextExpiry(expiring("dead"))).toBeUndefined();
  expect(nextExpiry({ kind: "gone" })).toBeUndefined();
});

test("it fires a second after the time, again while the version is still live, and then for the next version", async () => {
  const { clock, due, expiry, set } = harness();
  const abort = new AbortController();
  const running = expiry.run(abort.signal);
  set("k", expiring(10, 60));
  await clock.advance(25_000);
  expect(due).toEqual([
    ["k", 11],
    ["k", 21],
  ]);
  set("k", expiring("dead", 60));
  await clock.advance(36_500);
  expect(due.slice(2)).toEqual([["k", 61]]);
  set("k", expiring("dead", "dead"));
  await clock.advance(600_000);
  abort.abort();
  await running;
  expect(due).toHaveLength(3);
});

test("a clock that is an hour ahead of the server's costs a few looks a secret, not one in ten seconds", async () => {
  const { clock, due, expiry, set } = harness();
  const abort = new AbortController();
  const running = expiry.run(abort.signal);
  set("k", expiring(10));
  await clock.advance(3_600_000);
  abort.abort();
  await running;
  expect(due.length).toBeGreaterThan(5);
  expect(due.length).toBeLessThan(25);
});

test("a secret that changes often is in the heap a few times, not once per change", () => {
  const { expiry, set } = harness();
  for (let n = 0; n < 10_000; n += 1) set("k", expiring(100_000 + n));
  expect(expiry.size).toBe(1);
});
