import * as fc from "fast-check";
import { expect, test } from "vitest";
import { normaliseName } from "./normalise-name.ts";

function nameOf(raw: string, hashWhenAltered = false): string {
  const result = normaliseName(raw, { hashWhenAltered });
  if (result.kind === "refused") throw new Error(result.why);
  return result.name;
}

test("each character outside the alphabet becomes one dash, and runs stay", () => {
  expect(nameOf("vault-kv_1234/my--secret.é😀")).toBe("vault-kv-1234-my--secret---");
});

test("an empty name is refused", () => {
  expect(normaliseName("")).toEqual({ kind: "refused", why: "the name is empty" });
});

test("a legal name stays as it is, up to its last allowed character", () => {
  const longest = "A".repeat(127);
  expect(normaliseName(longest)).toEqual({ kind: "ok", name: longest, altered: false });
});

test("two long names that differ only behind the cut stay two, and each is stable", () => {
  const names = ["x", "y"].map((end) => nameOf("a".repeat(200) + end));
  expect(new Set(names).size).toBe(2);
  expect(names[0]).toMatch(/^a{114}-[a-z2-7]{12}$/);
  expect(nameOf("a".repeat(200) + "x")).toBe(names[0]);
});

test("a name made by a rule carries a hash if it was altered: x_y cannot take x-y (name-squatting)", () => {
  expect(nameOf("x-y", true)).toBe("x-y");
  expect(nameOf("x_y", true)).toMatch(/^x-y-[a-z2-7]{12}$/);
  expect(nameOf("x_y", true)).not.toBe(nameOf("x/y", true));
});

test("whatever the input, the name is legal and the same each time", () => {
  const raw = fc.oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 140 }),
    fc.string({ minLength: 100, maxLength: 140 }),
  );
  fc.assert(
    fc.property(raw, fc.boolean(), (text, hash) => {
      const name = nameOf(text, hash);
      expect(name).toMatch(/^[0-9A-Za-z-]{1,127}$/);
      expect(nameOf(text, hash)).toBe(name);
      // A legal name is a fixed point: normalising again changes nothing.
      expect(nameOf(name, hash)).toBe(name);
    }),
    { numRuns: 200 },
  );
});
