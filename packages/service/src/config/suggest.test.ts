import { expect, test } from "vitest";
import { editDistance, nearest } from "./suggest.ts";

test("a distance counts letters that are missing, too many, wrong or swapped", () => {
  expect(editDistance("", "abc")).toBe(3);
  expect(editDistance("concurency", "concurrency")).toBe(1);
  expect(editDistance("tokne", "token")).toBe(1);
  expect(editDistance("listen", "listen")).toBe(0);
});

test("the nearest word is found in any case, and a far one is none", () => {
  const known = ["listen", "token", "concurrency", "azure"];
  expect(nearest("Tokn", known)).toBe("token");
  expect(nearest("concurency", known)).toBe("concurrency");
  expect(nearest("redis", known)).toBeUndefined();
  expect(nearest("x", [])).toBeUndefined();
});
