import { expect, test } from "vitest";
import { readArguments } from "./options.ts";

test("nothing said is 20 minutes of seed 1", () => {
  expect(readArguments([])).toMatchObject({
    kind: "run",
    options: { minutes: 20, seed: 1, report: undefined },
  });
});

test("a report's ending is left out, as there are two files", () => {
  expect(readArguments(["--report", "docs/chaos/report-7.md"])).toMatchObject({
    options: { report: "docs/chaos/report-7" },
  });
});

test.each([[["--minutes", "0"]], [["--minutes", ""]], [["--seed", "-1"]], [["--sead", "1"]]])(
  "%j is refused",
  (args) => {
    expect(readArguments(args).kind).toBe("wrong");
  },
);
