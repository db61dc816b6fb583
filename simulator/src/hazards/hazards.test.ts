// The list of hazards is whole, and what is said to be tested elsewhere is.
import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ELSEWHERE, FIGURES } from "./elsewhere.ts";
import { SCENARIOS } from "./scenarios.ts";

const ROOT = new URL("../../../", import.meta.url);

test("no hazard is listed twice", () => {
  const names = [...SCENARIOS.map(({ name }) => name), ...Object.keys(ELSEWHERE), ...FIGURES];
  expect(new Set(names).size).toBe(names.length);
});

test("every hazard has its own file, which begins with its name", () => {
  for (const { name } of SCENARIOS) {
    const text = readFileSync(new URL(`${name}.ts`, import.meta.url), "utf8");
    expect(text.slice(0, name.length + 11)).toBe(`// Hazard ${name}:`);
  }
});

test.each(Object.entries(ELSEWHERE))("%s is named by its test %s", (name, file) => {
  const path = new URL(file, ROOT);
  expect(existsSync(path)).toBe(true);
  expect(readFileSync(path, "utf8")).toContain(name);
});
