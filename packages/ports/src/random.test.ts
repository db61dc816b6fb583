import { expect, test } from "vitest";
import { systemRandom } from "./random.ts";

test("bytes are as many as were asked for, and never the same ones again", () => {
  const seen = new Set<string>();
  let made = 0;
  for (const count of [8, 13, 16, 17, 32]) {
    for (let index = 0; index < 1_000; index += 1) {
      const bytes = systemRandom.bytes(count);
      expect(bytes).toHaveLength(count);
      seen.add(bytes.toString("hex"));
      made += 1;
    }
  }
  expect(seen.size).toBe(made);
});

test("what was given out stays as it is when more is asked for", () => {
  const first = systemRandom.bytes(16);
  const before = first.toString("hex");
  for (let index = 0; index < 1_000; index += 1) systemRandom.bytes(16);
  expect(first.toString("hex")).toBe(before);
});
