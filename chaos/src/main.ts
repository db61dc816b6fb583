// The command: `npm run chaos -- --help`.

import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { readArguments, USAGE } from "./options.ts";
import { toMarkdown } from "./report/markdown.ts";
import { runChaos } from "./run.ts";

async function main(): Promise<number> {
  const parsed = readArguments(process.argv.slice(2));
  if (parsed.kind === "help") {
    process.stdout.write(USAGE);
    return 0;
  }
  if (parsed.kind === "wrong") {
    process.stderr.write(`${parsed.why}\n\n${USAGE}`);
    return 2;
  }
  const { options } = parsed;
  const startMs = Date.now();
  const report = await runChaos(options, (text) => {
    process.stderr.write(`${((Date.now() - startMs) / 1_000).toFixed(0).padStart(5)} s  ${text}\n`);
  });
  const markdown = toMarkdown(report);
  if (options.report !== undefined) {
    await mkdir(dirname(options.report), { recursive: true });
    await writeFile(`${options.report}.json`, `${JSON.stringify(report, null, 2)}\n`);
    await writeFile(`${options.report}.md`, markdown);
  }
  process.stdout.write(markdown);
  return report.verdicts.every(({ holds }) => holds) ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(
    `the run could not be done: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exitCode = 2;
}
