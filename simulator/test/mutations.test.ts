// Proof that the simulator can fail: deliberate mistakes in the services, each found by a seed (or a scenario) that finds
// nothing without it. Which seed it is moves with any change of the services, as they take their turns otherwise then; so
// the search begins where it was found last, and goes on a little.
import { expect, test } from "vitest";
import { MUTATIONS } from "../src/mutations/mutations.ts";
import { simulateCommand } from "./command.ts";

const MINUTE_MS = 60_000;
const SEEDS_MORE = 40;

test.each(MUTATIONS)(
  "$name is found: it $what",
  { timeout: 10 * MINUTE_MS },
  async ({ name, aim, foundBy }) => {
    const run =
      typeof foundBy === "number"
        ? ["--seeds", `${foundBy}..${foundBy + SEEDS_MORE}`, "--hours", "0.2"]
        : ["--hazards", foundBy.hazard];
    const aimed = aim === undefined ? [] : ["--aim", aim];
    const { code, output } = await simulateCommand(...run, ...aimed, "--mutation", name);
    expect(output).toMatch(/(?:^seed \d+|^FAILED \S+): (?:P\d|intent|permit) /m);
    expect(code).toBe(1);
  },
);

test("the same runs find nothing without the mistakes", { timeout: 10 * MINUTE_MS }, async () => {
  const { code, output } = await simulateCommand("--sound", "--hours", "0.2", "--no-shrink");
  expect({ code, output }).toMatchObject({ code: 0 });
});

test("at least ten mistakes are found, each within 200 seeds", () => {
  const seeds = MUTATIONS.flatMap(({ foundBy }) => (typeof foundBy === "number" ? [foundBy] : []));
  expect(seeds.length).toBeGreaterThanOrEqual(10);
  expect(Math.max(...seeds) + SEEDS_MORE).toBeLessThanOrEqual(200);
});
