// That each promise's judge can find a breach, and finds it in that promise alone: a fault run that can't fail shows nothing.
import { expect, test } from "vitest";
import { Pair } from "../load/story.ts";
import { type Evidence, judge } from "./promises.ts";
import type { SeenEffect, SeenRequest } from "./vault-log.ts";

const VAULT = "kv-a";
function pair(name: string, ...shas: readonly string[]): Pair {
  const made = new Pair(VAULT, name);
  made.isAssociated = true;
  for (const [atMs, sha] of shas.entries()) made.wish(sha, atMs, true);
  return made;
}

const request = (seq: number, name: string, fields: Partial<SeenRequest> = {}): SeenRequest => ({
  seq,
  atMs: seq * 100,
  vault: VAULT,
  operation: "set",
  name,
  principal: "keyferry",
  hadToken: true,
  status: 200,
  faults: [],
  ...fields,
});
const effect = (seq: number, name: string, valueSha256: string, kind = "set"): SeenEffect => ({
  seq,
  requestSeq: seq,
  wallMs: seq * 100,
  vault: VAULT,
  kind,
  name,
  valueSha256,
});

/** A run in which all went well: two versions of one secret, and a name that a stranger has. */
function evidence(fields: Partial<Evidence> = {}): Evidence {
  return {
    pairs: [pair("own", "one", "two"), pair("foreign", "theirs")],
    strangers: new Set(["foreign"]),
    log: {
      requests: [request(1, "foreign", { principal: "stranger" }), request(2, "own"), request(3, "own")],
      effects: [effect(1, "foreign", "stranger's"), effect(2, "own", "one"), effect(3, "own", "two")],
      dropped: 0,
    },
    left: [],
    wrongStatuses: [],
    convergedAfterMs: 1_000,
    strangerWrites: 1,
    found: [],
    searchedBytes: 1_000_000,
    ...fields,
  };
}

function broken(fields: Partial<Evidence>): readonly string[] {
  return judge(evidence(fields)).flatMap(({ promise, holds, breaches }) =>
    holds ? [] : [`${promise}: ${breaches.join("; ")}`],
  );
}

/** The log of the good run with more in it. */
function logWith(requests: readonly SeenRequest[], effects: readonly SeenEffect[] = []): Partial<Evidence> {
  const { log } = evidence();
  return { log: { ...log, requests: [...log.requests, ...requests], effects: [...log.effects, ...effects] } };
}

test("a run in which all went well breaks no promise, and each of the seven is judged", () => {
  expect(broken({})).toEqual([]);
  expect(judge(evidence()).map(({ promise }) => promise)).toEqual(["P1", "P2", "P3", "P4", "P5", "P6", "P7"]);
});

test("P1: a vault that holds something else in the end", () => {
  expect(broken({ left: [{ vault: VAULT, name: "own", is: "other" }] })).toEqual(["P1: kv-a/own: other"]);
});

test("P2: the first value after the second, though it was wished once", () => {
  const backwards = [effect(2, "own", "two"), effect(3, "own", "one")];
  const log = { ...evidence().log, effects: [effect(1, "foreign", "stranger's"), ...backwards] };
  expect(broken({ log })).toEqual([expect.stringMatching(/^P2: kv-a\/own: set backwards at 1970/)]);
});

test("P3: an effect of ours on a name of somebody else, named by who caused it", () => {
  const over = logWith([request(4, "foreign")], [effect(4, "foreign", "theirs")]);
  expect(broken(over)).toEqual(["P3: kv-a/foreign: set by keyferry"]);
});

test("P4: the same value written twice for one wish", () => {
  const again = logWith([request(4, "own")], [effect(4, "own", "two")]);
  expect(broken(again)).toEqual(["P4: kv-a/own: 3 versions for 2 wishes"]);
});

test("P5: a value in a file", () => {
  expect(broken({ found: [{ label: "value", form: "plain", where: "nats/1.blk" }] })).toEqual([
    "P5: plain in nats/1.blk",
  ]);
});

test("P6: an answer of 429 in fewer than a thousand calls, unless a fault gave it", () => {
  expect(broken(logWith([request(4, "own", { status: 429 })]))).toEqual(["P6: 1 answers of 429"]);
  expect(broken(logWith([request(4, "own", { status: 429, faults: ["throttle"] })]))).toEqual([]);
});

test("P6: more than 300 creates of a vault within ten seconds, wherever the ten seconds begin", () => {
  const burst = (count: number, spanMs: number) =>
    logWith(
      Array.from({ length: count }, (_, index) =>
        request(10 + index, "own", { atMs: 60_000 + Math.floor((index * spanMs) / count) }),
      ),
    );
  expect(broken(burst(301, 9_900))).toEqual(["P6: 301 creates in ten seconds"]);
  expect(broken(burst(301, 10_100))).toEqual([]);
});

test("P7: a row of the API that does not say what is", () => {
  expect(broken({ wrongStatuses: ["kv-a/own PENDING"] })).toEqual(["P7: kv-a/own PENDING"]);
});
