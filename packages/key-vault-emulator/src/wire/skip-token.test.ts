import * as fc from "fast-check";
import { expect, test } from "vitest";
import { decodeSkipToken, encodeSkipToken } from "./skip-token.ts";

test("what is encoded is decoded", () => {
  const property = fc.property(fc.stringMatching(/^[0-9a-z-]{1,127}$/), (key) => {
    expect(decodeSkipToken("secrets", encodeSkipToken("secrets", key))).toBe(key);
  });
  fc.assert(property, { seed: 7 });
});

test("a token of one list is none of another", () => {
  expect(decodeSkipToken("versions", encodeSkipToken("secrets", "a"))).toBeUndefined();
});

test("no text makes it throw, and none but its own is taken", () => {
  const property = fc.property(fc.string(), (text) => {
    expect(decodeSkipToken("secrets", text)).toBeUndefined();
  });
  fc.assert(property, { seed: 7 });
});

test("a token needs no escaping in a query", () => {
  expect(encodeSkipToken("deletedsecrets", "name-1")).toMatch(/^[\w-]+$/);
});
