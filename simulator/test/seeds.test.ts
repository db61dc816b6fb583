// A sample of seeds, the seeds that once failed, every scenario; and that a run can be repeated.
import { expect, test } from "vitest";
import { simulateCommand } from "./command.ts";

const MINUTES = 60_000;

test("twelve seeds keep every promise", { timeout: 15 * MINUTES }, async () => {
  const { code, output } = await simulateCommand("--seeds", "1..12", "--hours", "0.2", "--no-shrink");
  expect(output).toContain("12 runs");
  expect({ code, output }).toMatchObject({ code: 0 });
});

test("seeds that once failed stay mended", { timeout: 10 * MINUTES }, async () => {
  const { code, output } = await simulateCommand("--kept", "--no-shrink");
  expect({ code, output }).toMatchObject({ code: 0 });
});

test("every hazard with a scenario ends as it should", { timeout: 15 * MINUTES }, async () => {
  const { code, output } = await simulateCommand("--hazards");
  expect(output).toContain("ok     delete-undelete-delete");
  expect({ code, output }).toMatchObject({ code: 0 });
});

test("the same seed gives the same history, line by line", { timeout: 5 * MINUTES }, async () => {
  const args = ["--seed", "7", "--hours", "0.2", "--verbose", "--no-shrink"];
  const histories = await Promise.all([simulateCommand(...args), simulateCommand(...args)]);
  const [first, second] = histories.map(({ output }) =>
    output.split("\n").filter((line) => /^\d+:\d\d:/.test(line)),
  );
  expect(first?.length).toBeGreaterThan(200);
  expect(second).toEqual(first);
});
