import { expect, test } from "vitest";
import { encodePath, isAddressable } from "./encode-path.ts";

test("each segment is encoded, the slashes between them are not", () => {
  expect(encodePath("a b/c%d?e#f+g/ü")).toBe("a%20b/c%25d%3Fe%23f%2Bg/%C3%BC");
});

test("what another server would read as another path is refused", () => {
  for (const path of ["", "a//b", "/a", "a/", "a/../b", ".", "\ud800"]) {
    expect(() => encodePath(path)).toThrow(/empty, '.' or '..' segment/);
    expect(isAddressable(path)).toBe(false);
  }
});
