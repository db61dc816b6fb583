import { expect, test } from "vitest";
import { parseOptions } from "./options.ts";

test("without arguments the stack starts, shows the job and stays up", () => {
  expect(parseOptions([])).toEqual({ once: false, configFile: undefined, help: false });
});

test("--once and --config are understood alone and refused together", () => {
  expect(parseOptions(["--once"]).once).toBe(true);
  expect(parseOptions(["--config", "a.yaml"]).configFile).toBe("a.yaml");
  expect(() => parseOptions(["--once", "--config", "a.yaml"])).toThrow("exclude each other");
});

test("an unknown option is refused by name", () => {
  expect(() => parseOptions(["--onec"])).toThrow("--onec");
});
