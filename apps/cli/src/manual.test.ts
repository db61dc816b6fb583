// The manual shows every command at work: each has transcripts, kept by the end-to-end tests, as people see it and as
// programs do.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { manualEntries } from "./manual.ts";

const TRANSCRIPTS = join(import.meta.dirname, "../../../e2e/transcripts");
// A script for a shell has one form.
const ONE_FORM = new Set(["completion"]);

test("each command has a transcript as a table and one as JSON", () => {
  const text = readdirSync(TRANSCRIPTS)
    .map((name) => readFileSync(join(TRANSCRIPTS, name), "utf8"))
    .join("\n");
  const lines = (text.match(/^\$ keyferry .*$/gm) ?? []).map((line) => `${line} `);
  const commands = manualEntries().map(({ command }) => command);
  const leaves = commands.filter(
    (command) =>
      command !== "" && !ONE_FORM.has(command) && !commands.some((one) => one.startsWith(`${command} `)),
  );
  const lacking = leaves.flatMap((command) => {
    const shown = lines.filter((line) => line.startsWith(`$ keyferry ${command} `));
    const asJson = shown.filter((line) => line.includes(" -o json "));
    return [
      ...(shown.length > asJson.length ? [] : [`${command}: no table`]),
      ...(asJson.length > 0 ? [] : [`${command}: no JSON`]),
    ];
  });
  expect(leaves.length).toBeGreaterThan(20);
  expect(lacking).toEqual([]);
});

test("each command's help shows an example that is the command", () => {
  const without = manualEntries()
    .filter(({ command, help }) => command !== "" && !help.includes("Commands:"))
    .filter(({ command, help }) => !help.includes(`$ keyferry ${command}`) && command !== "completion");
  expect(without.map(({ command }) => command)).toEqual([]);
});
