// Owns: command lines and what they print, held against a kept transcript; what differs between two runs is replaced.
import { join } from "node:path";
import type { Stack } from "@keyferry/testkit";
import { expect } from "vitest";
import { keyferry, type RunOptions } from "./keyferry.ts";

const FOLDER = join(import.meta.dirname, "../transcripts");

// Each in turn. Columns are as wide as what was replaced, so blanks are made equal first.
const REPLACED: readonly (readonly [RegExp, string])[] = [
  [/(?<=\S) {2,}/g, "  "],
  // How far long work was when somebody looked.
  [/^\d+ of \d+ {2}\D.*\n/gm, ""],
  [/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z/g, "<time>"],
  [/\b(?:\d+(?:ms|d|h|m|s) ?){1,2} ago\b/g, "<ago>"],
  [/(?<= {2})\d+(?:ms|s)(?= {2})/g, "<latency>"],
  [
    /"(clock_off_ms|took_ms|latency_ms|sequence|event_sequence|consumed_sequence|messages|mounts)": -?\d+/g,
    '"$1": "<number>"',
  ],
  [/\d+ dead letters?/g, "<number> dead letters"],
  [/\(event \d+\)/g, "(event <number>)"],
  [/\((?:hint|asked|sweep)\)|(?<=ago> by )(?:hint|asked|sweep)/g, "<cause>"],
  [/("digest": "|--digest |with the digest )[\w-]{27}/g, "$1<digest>"],
  [/\b[0-9a-f]{32}\b/g, "<id>"],
  // Also where chance gave one without a digit.
  [/\b[a-z2-7]{26}\b/g, "<id>"],
  [/\b[a-z2-7]{20}\b/g, "<id>"],
  [/\b[0-9a-f]{8}\b(?= |")/g, "<id>"],
];

/** The text without times, ids, ages and addresses. */
export function normalised(text: string, stack: Pick<Stack, "vault" | "openbao" | "dir">): string {
  let replaced = text
    .replaceAll(stack.dir, "<folder>")
    .replaceAll(stack.vault.address, "<address>")
    .replaceAll(stack.openbao.url, "<vault>");
  for (const [pattern, by] of REPLACED) replaced = replaced.replaceAll(pattern, by);
  return replaced;
}

/** Runs command lines and holds what they print against the kept transcript, which the manual shows. */
export async function expectTranscriptOf(
  stack: Stack,
  name: string,
  lines: readonly (readonly string[])[],
  options: RunOptions & { readonly replaced?: readonly (readonly [RegExp, string])[] } = {},
): Promise<void> {
  const parts: string[] = [];
  for (const args of lines) {
    const { code, stdout, stderr } = await keyferry(stack, args, options);
    const shown = args.map((arg) => (/[^\w./:=@,-]/.test(arg) ? `'${arg}'` : arg)).join(" ");
    const end = code === 0 ? "" : `(exit code ${code})\n`;
    let text = normalised(`$ keyferry ${shown}\n${stderr}${stdout}${end}`, stack);
    for (const [pattern, by] of options.replaced ?? []) text = text.replaceAll(pattern, by);
    parts.push(text);
  }
  await expect(parts.join("\n")).toMatchFileSnapshot(join(FOLDER, `${name}.txt`));
}
