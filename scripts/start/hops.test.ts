import { expect, test } from "vitest";
import { formatPassage } from "./hops.ts";

test("each hop counts from the one before it", () => {
  const passage = { committed: 1_000, event: 1_004, command: 1_007, keyVault: 1_037, outcome: 1_039 };
  expect(formatPassage(passage)).toBe(
    "commit → event 4 ms → command 3 ms → Key Vault 30 ms → outcome 2 ms   (37 ms to Key Vault)",
  );
});

test("a hop that the change did not pass is left out", () => {
  const passage = { committed: 10_000, event: 4_000, command: 10_005, keyVault: 10_020, outcome: undefined };
  expect(formatPassage(passage)).toBe("commit → command 5 ms → Key Vault 15 ms   (20 ms to Key Vault)");
});

test("an event that was published before the write's answer came counts as none", () => {
  const passage = { committed: 1_000, event: 998, command: 1_002, keyVault: 1_010, outcome: 1_012 };
  expect(formatPassage(passage)).toContain("commit → event 0 ms → command 2 ms → Key Vault 8 ms");
});
