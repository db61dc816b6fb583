import { describe, expect, test } from "vitest";
import { compileGlob } from "./path-glob.ts";

function matches(glob: string, path: string): boolean {
  const read = compileGlob(glob);
  if (read.kind === "refused") throw new Error(read.why);
  return read.matches(path);
}

describe("a glob over paths", () => {
  test.each([
    ["app/*", "app/db", true],
    ["app/*", "app/db/x", false],
    ["app/**", "app/db/x", true],
    ["app/**", "app", false],
    ["**/db", "db", true],
    ["**/db", "a/b/db", true],
    ["**/db", "a/bdb", false],
    ["a/**/z", "a/z", true],
    ["a/**/z", "a/b/c/z", true],
    ["team-?/db", "team-1/db", true],
    ["team-?/db", "team-/db", false],
    ["a.b", "axb", false],
    ["a+b(c)", "a+b(c)", true],
    ["**", ".hidden/x", true],
    ["*", "ü", true],
  ])("%s on %s: %s", (glob, path, expected) => {
    expect(matches(glob, path)).toBe(expected);
  });

  test.each(["", "/a", "a//b", "a**", "x".repeat(600)])("'%s' is refused in words", (glob) => {
    expect(compileGlob(glob)).toMatchObject({ kind: "refused" });
  });
});
