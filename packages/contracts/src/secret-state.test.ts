import * as fc from "fast-check";
import { expect, test } from "vitest";
import { fingerprintOf, highestLiveVersion, type PresentState } from "./secret-state.ts";

function state(versions: PresentState["versions"], over: Partial<PresentState> = {}): PresentState {
  return {
    kind: "present",
    incarnation: "2026-01-01T00:00:00.123456789Z",
    current: Object.keys(versions).length,
    oldest: 0,
    versions,
    customMetadata: {},
    maxVersions: 0,
    casRequired: false,
    deleteVersionAfter: "0s",
    ...over,
  };
}

const version = (live: boolean) => ({ createdTime: "t", deletionTime: "", destroyed: !live, live });

test("the highest live version is found by number, not by the order of the text", () => {
  const versions = Object.fromEntries([9, 10, 2].map((number) => [String(number), version(true)]));
  expect(highestLiveVersion(state(versions))).toBe(10);
});

test("a deleted latest version falls back to the highest live one, and none live is none", () => {
  expect(highestLiveVersion(state({ "1": version(true), "2": version(false) }))).toBe(1);
  expect(highestLiveVersion(state({ "1": version(false) }))).toBeUndefined();
  expect(highestLiveVersion({ kind: "gone" })).toBeUndefined();
});

test("list-and-get-differ: the order of versions and metadata does not change a fingerprint", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.string(), { maxKeys: 6 }),
      fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 8 }),
      (customMetadata, numbers) => {
        const entries = numbers.map((number): [string, ReturnType<typeof version>] => [
          String(number),
          version(true),
        ]);
        const one = state(Object.fromEntries(entries), { customMetadata, current: 99 });
        const other = state(Object.fromEntries(entries.toReversed()), {
          customMetadata: Object.fromEntries(Object.entries(customMetadata).toReversed()),
          current: 99,
        });
        expect(fingerprintOf(other)).toBe(fingerprintOf(one));
      },
    ),
  );
});

test("whatever leads to another wish has another fingerprint", () => {
  const base = state({ "1": version(true) });
  const others: PresentState[] = [
    { ...base, incarnation: "other" },
    { ...base, current: 2 },
    { ...base, versions: { "1": version(false) } },
    { ...base, versions: { "1": { ...version(true), createdTime: "u" } } },
    { ...base, versions: { "1": { ...version(true), live: false } } },
    { ...base, customMetadata: { owner: "a" } },
    { ...base, deleteVersionAfter: "1h" },
  ];
  const prints = [base, ...others].map(fingerprintOf);
  expect(new Set([...prints, fingerprintOf({ kind: "gone" })]).size).toBe(others.length + 2);
});
