// Hazard value-fidelity: what Key Vault gets is what the source holds, to the last digit.
import { inspect } from "node:util";
import { SecretValue } from "@keyferry/ports";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { renderPayload } from "./render-payload.ts";

function whole(rawJson: string): string {
  const payload = renderPayload({ granularity: "secret-path", rawJson: new SecretValue(rawJson) });
  if (payload.kind !== "whole") throw new Error(payload.kind);
  return payload.value.reveal();
}

function keys(rawJson: string): Record<string, string> {
  const payload = renderPayload({ granularity: "secret-key", rawJson: new SecretValue(rawJson) });
  if (payload.kind !== "keys") throw new Error(payload.kind);
  return Object.fromEntries([...payload.values].map(([key, value]) => [key, value.reveal()]));
}

test("numbers keep every digit, at every level", () => {
  expect(whole('{"a":1.0,"b":[12345678901234567890,{"c":-0,"d":1E400,"e":0.10}]}')).toBe(
    '{"a":1.0,"b":[12345678901234567890,{"c":-0,"d":1E400,"e":0.10}]}',
  );
});

test("keys are in the order of their bytes at every level, integer-like ones and those beyond the BMP included", () => {
  // In UTF-16 the emoji (0xD83D) sorts before the full-width letter (0xFF21); in UTF-8 behind it.
  expect(whole('{"😀":1,"Ａ":2,"b":{"10":1,"9":2,"B":0},"a":3}')).toBe(
    '{"a":3,"b":{"10":1,"9":2,"B":0},"Ａ":2,"😀":1}',
  );
});

test("the JSON is compact and has no escapes that are not needed", () => {
  expect(whole('{ "html" : "\\u003ca href=\\"x\\"\\u003e \\u0026 \\u00e4\\n" }')).toBe(
    '{"html":"<a href=\\"x\\"> & ä\\n"}',
  );
});

test("__proto__ is a key like any other, and of a doubled key the last one counts", () => {
  expect(whole('{"__proto__":{"x":1},"a":1,"a":2}')).toBe('{"__proto__":{"x":1},"a":2}');
  expect(keys('{"constructor":"c"}')).toEqual({ constructor: "c" });
});

test("secret-key: strings as they are, the rest as JSON text, null too, and an empty string is a value", () => {
  expect(
    keys(
      '{"s":"line\\nline","e":"","n":12345678901234567890,"f":1.0,"t":true,"z":null,"o":{"b":1,"a":[1.50]}}',
    ),
  ).toEqual({
    s: "line\nline",
    e: "",
    n: "12345678901234567890",
    f: "1.0",
    t: "true",
    z: "null",
    o: '{"a":[1.50],"b":1}',
  });
  expect(keys("{}")).toEqual({});
});

test.each([
  ["[1]", "the data is not a JSON object"],
  ["null", "the data is not a JSON object"],
  ["5", "the data is not a JSON object"],
  ['{"a":canary-hunter2}', "the data is not JSON"],
  [`{"a":${"[".repeat(1_000)}${"]".repeat(1_000)}}`, "the data is nested deeper than 1000"],
])("data number %# is refused, and the reason holds no value", (rawJson, why) => {
  const payload = renderPayload({ granularity: "secret-path", rawJson: new SecretValue(rawJson) });
  expect(payload).toEqual({ kind: "refused", why });
});

test("brackets in strings do not count as depth", () => {
  expect(whole(JSON.stringify({ a: `\\"${"[".repeat(5_000)}` }))).toHaveLength(5_012);
});

test("more than 500 keys, or half a surrogate pair, is refused under secret-key", () => {
  const many = JSON.stringify(Object.fromEntries(Array.from({ length: 501 }, (_, n) => [`k${n}`, ""])));
  for (const rawJson of [many, '{"a":"\\ud800"}']) {
    expect(renderPayload({ granularity: "secret-key", rawJson: new SecretValue(rawJson) }).kind).toBe(
      "refused",
    );
  }
});

test("a payload cannot be printed", () => {
  const payload = renderPayload({
    granularity: "secret-key",
    rawJson: new SecretValue('{"a":"canary-hunter2"}'),
  });
  expect(inspect(payload, { depth: 9, showHidden: true }) + JSON.stringify(payload)).not.toContain("canary");
});

test("for any JSON object the text means the same, and is the same for any order of its keys", () => {
  const number = fc.stringMatching(/^-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?$/);
  const { tree } = fc.letrec<{ tree: Tree; leaf: Tree; list: Tree; object: Tree }>((tie) => ({
    tree: fc.oneof({ depthSize: "small" }, tie("leaf"), tie("list"), tie("object")),
    leaf: fc.oneof(
      number,
      fc.string({ unit: "grapheme" }).map((text) => JSON.stringify(text)),
      fc.constantFrom("true", "null"),
    ),
    list: fc.array(tie("tree"), { maxLength: 4 }),
    object: fc.dictionary(fc.string({ unit: "grapheme", maxLength: 5 }), tie("tree"), { maxKeys: 5 }),
  }));
  fc.assert(
    fc.property(fc.dictionary(fc.string({ maxLength: 5 }), tree), (object) => {
      const text = whole(write(object, false));
      expect(whole(write(object, true))).toBe(text);
      expect(whole(text)).toBe(text);
      expect(JSON.parse(text)).toEqual(JSON.parse(write(object, false)));
      for (const digits of numbersOf(object)) expect(text).toContain(digits);
    }),
    { numRuns: 300 },
  );
});

/** A leaf is its JSON text already. */
type Tree = string | Tree[] | { [key: string]: Tree };

function write(tree: Tree, backwards: boolean): string {
  if (typeof tree === "string") return tree;
  if (Array.isArray(tree)) return `[${tree.map((item) => write(item, backwards)).join(", ")}]`;
  const members = Object.entries(tree).map(
    ([key, value]) => `${JSON.stringify(key)} : ${write(value, backwards)}`,
  );
  return `{${(backwards ? members.toReversed() : members).join(",")}}`;
}

function numbersOf(tree: Tree): string[] {
  if (typeof tree === "string") return /^[-0-9]/.test(tree) ? [tree] : [];
  return Object.values(tree).flatMap((item: Tree) => numbersOf(item));
}
