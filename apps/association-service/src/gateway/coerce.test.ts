import { describe, expect, test } from "vitest";
import { fieldsOf, flagField, textField, textListField, textMapField } from "./coerce.ts";

describe("fields as the command line and as JSON send them", () => {
  test.each([
    ["true", true],
    ["1", true],
    ["T", true],
    [true, true],
    [1, true],
    ["false", false],
    ["", false],
    [0, false],
  ])("flag %j", (raw, read) => expect(flagField.parse(raw)).toBe(read));

  test.each(["yes", 2, {}, null])("%j is no flag", (raw) =>
    expect(flagField.safeParse(raw).success).toBe(false),
  );

  test.each([
    [443, "443"],
    [true, "true"],
    ["x", "x"],
  ])("text %j", (raw, read) => expect(textField.parse(raw)).toBe(read));

  test.each([
    ["a,b", ["a", "b"]],
    [" a , ,b", ["a", "b"]],
    [
      ["a", 1],
      ["a", "1"],
    ],
    ["", []],
  ])("list %j", (raw, read) => expect(textListField.parse(raw)).toEqual(read));

  test.each([
    [
      { a: "b", n: 1 },
      { a: "b", n: "1" },
    ],
    ["a=b=c", { a: "b=c" }],
    [["a=b", "c=d"], { a: "b", c: "d" }],
    ['{"a": "b"}', { a: "b" }],
    ["", {}],
    [{ gone: null }, { gone: null }],
  ])("map %j", (raw, read) => expect(textMapField.parse(raw)).toEqual(read));

  test.each(["a", "=b", '{"a":', '{"a": {}}', 7])("%j is no map", (raw) => {
    expect(textMapField.safeParse(raw).success).toBe(false);
  });

  test("a tag named __proto__ stays a tag", () => {
    expect(Object.keys(textMapField.parse("__proto__=x"))).toEqual(["__proto__"]);
  });
});

test.each([
  [undefined, {}],
  [null, {}],
  ["", {}],
  [{ a: 1 }, { a: 1 }],
])("the body %j is the fields %j", (body, fields) => expect(fieldsOf(body)).toEqual(fields));

test.each([[[]], ["text"], [7]])("the body %j is none", (body) => expect(fieldsOf(body)).toBeUndefined());
