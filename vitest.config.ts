import { defineConfig } from "vitest/config";

// Units live beside the code and share one process; tests in `test/` and `e2e/` talk to real servers and get a
// process each, so that a hung socket of one file can't spoil the next.
export default defineConfig({
  test: {
    reporters: [["default", { summary: false }], "./scripts/closing-line-reporter.ts"],
    coverage: { provider: "v8", include: ["packages/*/src/**/*.ts", "apps/*/src/**/*.ts"] },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          sequence: { groupOrder: 0 },
          include: [
            "{packages,apps}/*/src/**/*.test.ts",
            "{simulator,chaos,bench}/src/**/*.test.ts",
            "{scripts,deploy}/**/*.test.ts",
          ],
          pool: "threads",
          isolate: false,
          testTimeout: 10_000,
        },
      },
      {
        extends: true,
        test: {
          name: "real",
          sequence: { groupOrder: 1 },
          include: [
            "{packages,apps}/*/test/**/*.test.ts",
            "{simulator,chaos,bench}/test/**/*.test.ts",
            "e2e/**/*.test.ts",
          ],
          pool: "forks",
          // On two cores: most of a real test's time is waiting for servers, renewals and redeliveries.
          maxWorkers: 3,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
