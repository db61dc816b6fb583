// Proof that the simulator can fail: each deliberate mistake in the services is found within 200 seeds.
import { expect, test } from "vitest";
import { MUTATIONS } from "../src/mutations/mutations.ts";
import { simulateCommand } from "./command.ts";

test("there are ten mistakes at least", () => {
  expect(MUTATIONS.length).toBeGreaterThanOrEqual(10);
});

test.each(MUTATIONS.map(({ name, what }) => [name, what] as const))(
  "%s is found: it %s",
  { timeout: 20 * 60_000 },
  async (name) => {
    const { code, output } = await simulateCommand("--mutation", name, "--seeds", "1..200", "--hours", "0.2");
    expect(output).toContain(`mutation ${name}: found by seed`);
    expect(code).toBe(1);
    // And by the mistake, not by a fault that is there without it.
    const seed = /found by seed (\d+)/.exec(output)?.[1] ?? "";
    const without = await simulateCommand("--seed", seed, "--hours", "0.2", "--no-shrink");
    expect(without).toMatchObject({ code: 0 });
  },
);
