import { expect, test } from "vitest";
import { helpText, parseCommandLine } from "./command-line.ts";

test("the file comes from --config, else from the environment, else it is ./keyferry.yaml", () => {
  const environment = { KEYFERRY_CONFIG: "/etc/k.yaml" };
  expect(parseCommandLine(["--config", "a.yaml"], environment)).toEqual({
    kind: "run",
    configFile: "a.yaml",
  });
  expect(parseCommandLine(["--config=a.yaml"], {})).toEqual({ kind: "run", configFile: "a.yaml" });
  expect(parseCommandLine([], environment)).toEqual({ kind: "run", configFile: "/etc/k.yaml" });
  expect(parseCommandLine([], { KEYFERRY_CONFIG: "" })).toEqual({ kind: "run", configFile: "keyferry.yaml" });
});

test("help and version are asked for by name or letter", () => {
  expect(parseCommandLine(["--help"], {})).toEqual({ kind: "help" });
  expect(parseCommandLine(["-v"], {})).toEqual({ kind: "version" });
  expect(helpText("azure-sink")).toContain("Usage: azure-sink [--config FILE]");
});

test("what nobody knows is refused by name", () => {
  for (const args of [["--confg", "x"], ["run"], ["--config"]]) {
    expect(parseCommandLine(args, {})).toMatchObject({ kind: "wrong" });
  }
  expect(parseCommandLine(["--confg"], {})).toMatchObject({ problem: expect.stringContaining("--confg") });
});
