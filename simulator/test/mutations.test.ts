// Proof that the simulator can fail: deliberate mistakes in the services, each found by a seed that finds nothing without
// it. Mistakes without such a seed yet are in docs/simulator.md; `--mutation NAME --seeds 1..200` looks for one.
import { expect, test } from "vitest";
import { MUTATIONS } from "../src/mutations/mutations.ts";
import { simulateCommand } from "./command.ts";

const PROVEN = MUTATIONS.flatMap(({ name, what, foundBy }) =>
  foundBy === undefined ? [] : [[name, what, foundBy] as const],
);

test.each(PROVEN)("%s is found: it %s", { timeout: 5 * 60_000 }, async (name, _what, seed) => {
  const args = ["--seeds", `${seed}..${seed}`, "--hours", "0.2", "--no-shrink"];
  const { code, output } = await simulateCommand("--mutation", name, ...args);
  expect(output).toContain(`mutation ${name}: found by seed ${seed}`);
  expect(code).toBe(1);
  expect(await simulateCommand(...args)).toMatchObject({ code: 0 });
});
