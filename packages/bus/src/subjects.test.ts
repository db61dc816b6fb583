import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  associationKey,
  bucketKeyOf,
  bucketSubject,
  desiredSubject,
  destinationAndKeyOf,
  destinationKey,
  eventSubject,
  placeOf,
  resultSubject,
  sourceAndKeyOf,
} from "./subjects.ts";

const KEY = "abcdefghijklmnopqrstuvwxyz";
const UID = "aaaaaaaaaaaaa";
// What NATS allows in a token of a literal subject, and JetStream's KV in a key.
const SUBJECT = /^[^\s.*>]+(\.[^\s.*>]+)*$/;
const BUCKET_KEY = /^[-/=.\w]+$/;

test("subjects are read back to what they were made of", () => {
  expect(destinationAndKeyOf(desiredSubject(UID, KEY, "bulk"))).toEqual({
    destination: UID,
    key: KEY,
    lane: "bulk",
  });
  expect(destinationAndKeyOf(resultSubject(UID, KEY))).toMatchObject({ destination: UID, key: KEY });
  expect(sourceAndKeyOf(eventSubject("main", KEY))).toEqual({ source: "main", key: KEY });
  expect(bucketKeyOf("associations", bucketSubject("associations", associationKey(UID, KEY)))).toBe(
    `${UID}.${KEY}`,
  );
});

test("whatever a source, a namespace or a destination is called, subjects and keys stay legal and apart", () => {
  const name = fc.string({ minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(name, name, name, (source, namespace, other) => {
      expect(eventSubject(source, KEY)).toMatch(SUBJECT);
      const keys = [
        destinationKey({ namespace, type: "azure-kv", name: source }),
        destinationKey({ namespace, type: "azure-kv", name: `${source}${other}` }),
        destinationKey({ namespace: `${namespace}${other}`, type: "azure-kv", name: source }),
      ];
      for (const key of keys) expect(key).toMatch(BUCKET_KEY);
      expect(new Set(keys).size).toBe(3);
    }),
  );
});

test("same-name-other-destination: the root namespace is not a namespace named by the root's sign", () => {
  const root = destinationKey({ namespace: "", type: "azure-kv", name: "prod" });
  expect(destinationKey({ namespace: "-", type: "azure-kv", name: "prod" })).not.toBe(root);
});

test.each([
  ["sync.desired.uid.key.live", { destination: "uid", key: "key" }],
  ["sync.result.uid.key", { destination: "uid", key: "key" }],
  ["kv2.event.bWFpbg.key", { destination: "-", key: "key" }],
  ["$KV.associations.uid.key", { destination: "uid", key: "key" }],
  [
    "$KV.destinations.bnM.YXp1cmUta3Y.bmFtZQ",
    { destination: "-", key: "destinations_bnM_YXp1cmUta3Y_bmFtZQ" },
  ],
  ["anything.else", { destination: "-", key: "-" }],
])("letters about %s have a place of their own", (subject, place) => {
  expect(placeOf(subject)).toEqual(place);
});
