import * as fc from "fast-check";
import { expect, test } from "vitest";
import { rawMembers, rawValueAt } from "./raw-json.ts";

test("a number's digits come out as they went in", () => {
  const body =
    '{"request_id":"x","data": {"metadata":{}, "data" : {"pin":12345678901234567890,"one":1.0,"e":1E400} }}';
  expect(rawValueAt(body, ["data", "data"])).toBe('{"pin":12345678901234567890,"one":1.0,"e":1E400}');
});

test("braces, quotes and escapes inside strings don't end a value", () => {
  const data = String.raw`{"a":"}\"]{","b":["\\","\\\"}"],"c":"\u003c"}`;
  expect(rawValueAt(`{"data":{"data":${data},"metadata":{"data":1}}}`, ["data", "data"])).toBe(data);
});

test("a key that isn't there gives nothing", () => {
  expect(rawValueAt('{"a":{"b":1}}', ["a", "c"])).toBeUndefined();
  expect(rawValueAt('{"a":[1]}', ["a", "b"])).toBeUndefined();
});

test("the text of any value in any document is the text that was put there", () => {
  const spaces = fc.constantFrom("", " ", "\n", "\t ");
  const documents = fc.record({ wanted: fc.json(), other: fc.json(), name: fc.string(), s: spaces });
  for (const { wanted, other, name, s } of fc.sample(documents, 2_000)) {
    const first = JSON.stringify(`not-${name}`);
    const body = `${s}{${s}${first}:${other}${s},"data"${s}:${s}{${s}"data":${s}${wanted}${s}}}`;
    expect(rawValueAt(body, ["data", "data"])).toBe(wanted.trim());
  }
});

test("members are found in order, with their keys decoded", () => {
  const document = { 'a"b': "x", "\u00e9\n": [1, { c: null }], "": false };
  expect([...rawMembers(JSON.stringify(document))]).toEqual(
    Object.entries(document).map(([key, value]) => [key, JSON.stringify(value)]),
  );
});
