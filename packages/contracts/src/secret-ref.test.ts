import * as fc from "fast-check";
import { expect, test } from "vitest";
import { checkPath } from "./secret-ref.ts";

test.each(["a", "app/db", "a b/ü", "a.b", "..a", "a+b#c?d"])("%s is a path in its one spelling", (path) => {
  expect(checkPath(path, "secret_name")).toEqual({ kind: "ok", path });
});

test.each(["", "/a", "a/", "a//b", "a/../b", ".", "a/./b", "a%2fb", "a\u0000b", "a\nb", "x".repeat(1_025)])(
  "path-two-spellings: %j is refused rather than mended",
  (path) => {
    const check = checkPath(path, "secret_name");
    expect(check.kind).toBe("refused");
    expect(check).toMatchObject({ why: expect.stringContaining("secret_name") });
  },
);

test("a mount may be given with one slash at its end, as the UI and the tutorial do", () => {
  expect(checkPath("team/kv/", "mount")).toEqual({ kind: "ok", path: "team/kv" });
  expect(checkPath("team/kv//", "mount").kind).toBe("refused");
});

test("path-two-spellings: whatever is accepted reads the same after a URL was made of it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), (raw) => {
      const check = checkPath(raw, "secret_name");
      fc.pre(check.kind === "ok" && !/[\uD800-\uDFFF]/.test(raw));
      const encoded = raw.split("/").map(encodeURIComponent).join("/");
      const url = new URL(`http://vault/v1/kv/data/${encoded}`);
      expect(decodeURIComponent(url.pathname)).toBe(`/v1/kv/data/${raw}`);
    }),
    { numRuns: 500 },
  );
});
