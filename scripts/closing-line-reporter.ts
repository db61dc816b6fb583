import type { SerializedError } from "vitest";
import type { Reporter, TestModule } from "vitest/node";

/** What the closing line tells. `failed` includes errors outside any test: a module that did not load, an unhandled rejection. */
export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

/** Counts the results of a run; errors that belong to no single test count as failures. */
export function tally(modules: readonly TestModule[], unhandled: readonly SerializedError[]): Tally {
  const sum: Tally = { passed: 0, failed: unhandled.length, skipped: 0 };
  for (const module of modules) {
    sum.failed += module.errors().length;
    for (const suite of module.children.allSuites()) sum.failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === "passed") sum.passed += 1;
      else if (state === "failed") sum.failed += 1;
      else sum.skipped += 1;
    }
  }
  return sum;
}

/** `12 passed, 0 failed`, with `, 3 skipped` where there are any. */
export function closingLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** Prints the closing line when the process ends, so that nothing (a coverage table, say) comes after it. */
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const line = closingLine(tally(modules, unhandled));
    process.once("exit", () => process.stdout.write(`\n${line}\n`));
  }
}
