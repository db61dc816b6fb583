// Owns: what every command goes through: its settings, its client, its format, its end. A command's file adds itself to
// the program and says what it does.

import { type Command, InvalidArgumentError } from "commander";
import { ApiClient } from "./api-client.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { Failure } from "./failure.ts";
import type { Io } from "./io.ts";
import { type Format, show } from "./output.ts";
import { type ConnectionFlags, readSettings } from "./settings.ts";

/** What a command works with. */
export interface Context {
  readonly io: Io;
  readonly api: ApiClient;
  readonly format: Format;
  /** Prints the answer in the wished format. */
  readonly show: (data: unknown, text: () => string) => void;
  /** Progress and remarks for people: to stderr, so that stdout stays what was asked for. */
  readonly note: (text: string) => void;
}

export type GlobalOptions = ConnectionFlags & { readonly output: Format };
export type Work<O> = (context: Context, options: O, args: readonly string[]) => Promise<ExitCode | void>;

/** Adds a command and what it does. */
export interface Adder {
  readonly program: Command;
  /** An action for commander that reads the settings, runs `work` and keeps its exit code. */
  readonly act: <O>(work: Work<O>) => (...given: unknown[]) => Promise<void>;
}

export function createAct(io: Io, end: (code: ExitCode) => void): Adder["act"] {
  return <O>(work: Work<O>) =>
    async (...given: unknown[]) => {
      const command = given.at(-1) as Command;
      const options = command.optsWithGlobals<O & GlobalOptions>();
      const context = await contextOf(io, options);
      end((await work(context, options, command.args)) ?? EXIT.done);
    };
}

async function contextOf(io: Io, options: GlobalOptions): Promise<Context> {
  const api = new ApiClient(await readSettings(io, options), io.signal);
  return {
    io,
    api,
    format: options.output,
    show: (data, text) => show(io.stdout, options.output, data, text),
    note: (text) => io.stderr.write(`${text}\n`),
  };
}

/** Examples below a command's help. */
export function examples(...lines: readonly (readonly [string, string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  const rows = lines.map(([command, what]) => `  $ ${command.padEnd(width)}  # ${what}`);
  return `\nExamples:\n${rows.join("\n")}\n`;
}

/** A reader of an option's or argument's text whose complaint is commander's own: with the option's name before it. */
export function reading<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof Failure) throw new InvalidArgumentError(`${error.message}. ${error.advice}`);
      throw error;
    }
  };
}

/** A whole number within bounds. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return reading((text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new Failure(EXIT.usage, `'${text}' is not a number from ${min} to ${max}`, "Write digits.");
    }
    return value;
  });
}

/** The same for an option that takes several: commander hands them over one after the other. */
export function readingEach(parse: (text: string) => string) {
  const one = reading(parse);
  return (text: string, before: readonly string[] = []): readonly string[] => [...before, one(text)];
}
