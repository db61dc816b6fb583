import type { SecretState } from "@keyferry/contracts";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { packState, unpackState } from "./packed-state.ts";

const version = fc.record({
  createdTime: fc.string(),
  deletionTime: fc.string(),
  destroyed: fc.boolean(),
  live: fc.boolean(),
});
const state: fc.Arbitrary<SecretState> = fc.oneof(
  fc.constant({ kind: "gone" as const }),
  fc.record({
    kind: fc.constant("present" as const),
    incarnation: fc.string({ minLength: 1 }),
    current: fc.nat(),
    oldest: fc.nat(),
    versions: fc.dictionary(fc.nat().map(String), version, { noNullPrototype: true }),
    customMetadata: fc.dictionary(
      fc.string().filter((key) => key !== "__proto__"),
      fc.string(),
      { noNullPrototype: true },
    ),
    maxVersions: fc.nat(),
    casRequired: fc.boolean(),
    deleteVersionAfter: fc.string(),
  }),
);

test("what is unpacked is what was packed", () => {
  fc.assert(
    fc.property(state, (each) => {
      expect(unpackState(packState(each))).toEqual(each);
    }),
  );
});

test("a usual state takes less than half of its JSON", () => {
  const times = { createdTime: "2026-11-24T06:39:16.848280654Z", deletionTime: "" };
  const usual: SecretState = {
    kind: "present",
    incarnation: times.createdTime,
    current: 10,
    oldest: 1,
    versions: Object.fromEntries(
      Array.from({ length: 10 }, (_, index) => [index + 1, { ...times, destroyed: false, live: true }]),
    ),
    customMetadata: {},
    maxVersions: 0,
    casRequired: false,
    deleteVersionAfter: "0s",
  };
  expect(packState(usual).length).toBeLessThan(JSON.stringify(usual).length / 2);
});
