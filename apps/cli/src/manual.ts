// Owns: every command's help as text, for the manual. Pure.

import type { Command } from "commander";

import { allCommands, createProgram } from "./program.ts";
import type { Io } from "./io.ts";

export interface ManualEntry {
  /** `dlq list`; empty for the program itself. */
  readonly command: string;
  readonly description: string;
  readonly help: string;
}

/** The manual's entries, in the program's order. */
export function manualEntries(): readonly ManualEntry[] {
  const program = createProgram(SILENT, () => undefined);
  return allCommands(program).map((command) => ({
    command: pathOf(command),
    description: command.description(),
    help: helpOf(command),
  }));
}

function pathOf(command: Command): string {
  const { parent } = command;
  return parent === null ? "" : `${pathOf(parent)} ${command.name()}`.trim();
}

function helpOf(command: Command): string {
  const parts: string[] = [];
  command.configureOutput({ writeOut: (text) => parts.push(text) });
  command.outputHelp();
  return parts.join("").trimEnd();
}

const SILENT: Io = {
  env: {},
  stdout: { write: () => undefined, isTerminal: false },
  stderr: { write: () => undefined, isTerminal: false },
  signal: new AbortController().signal,
  now: () => 0,
  sleep: async () => undefined,
  readFile: async () => undefined,
  writeFile: async () => undefined,
  readStdin: async () => "",
  tokenFile: "",
};
