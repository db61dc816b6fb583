// Owns: the program `keyferry`: its commands, its options, how it ends. Does not own: what a command does.

import { Command, CommanderError, Option } from "commander";
import { type Adder, createAct } from "./command.ts";
import { addAdopt } from "./commands/adopt.ts";
import { addCompletion } from "./commands/completion.ts";
import { addConfiguration } from "./commands/configuration.ts";
import { addDlq } from "./commands/dlq.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addDrift } from "./commands/drift.ts";
import { addEvents } from "./commands/events.ts";
import { addHeld } from "./commands/held.ts";
import { addHistory } from "./commands/history.ts";
import { addOperations } from "./commands/operations.ts";
import { addOrphans } from "./commands/orphans.ts";
import { addPause } from "./commands/pause.ts";
import { addPlan } from "./commands/plan.ts";
import { addPolicy } from "./commands/policy.ts";
import { addReplay } from "./commands/replay.ts";
import { addResync } from "./commands/resync.ts";
import { addRules } from "./commands/rules.ts";
import { addSource } from "./commands/source.ts";
import { addStatus } from "./commands/status.ts";
import { EXIT, EXIT_MEANINGS, type ExitCode } from "./exit-codes.ts";
import { Failure } from "./failure.ts";
import type { Io } from "./io.ts";
import { FORMATS } from "./output.ts";

const ADDERS: readonly ((adder: Adder) => void)[] = [
  addStatus,
  addHistory,
  addEvents,
  addPlan,
  addReplay,
  addResync,
  addOperations,
  addAdopt,
  addDrift,
  addOrphans,
  addDlq,
  addHeld,
  addPause,
  addRules,
  addSource,
  addConfiguration,
  addDoctor,
  addPolicy,
  addCompletion,
];

/** Runs one command line; never throws, never ends the process. @returns the exit code */
export async function runCli(argv: readonly string[], io: Io): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.done;
  const program = createProgram(io, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (error) {
    return complain(error, io);
  }
}

/** The program with all its commands. */
export function createProgram(io: Io, end: (code: ExitCode) => void): Command {
  const program = new Command("keyferry");
  prepare(program, io);
  program
    .description(
      "Operates Keyferry, which keeps Azure Key Vault in step with Vault or OpenBao, by its HTTP API.",
    )
    .addOption(new Option("-o, --output <format>", "how answers are shown").choices(FORMATS).default("table"))
    .option("--address <url>", "where the API is (VAULT_ADDR)")
    .option("--namespace <path>", "namespace of the caller (VAULT_NAMESPACE)")
    .option("--ca-cert <file>", "PEM file of the CA to trust (VAULT_CACERT)")
    .addHelpText("after", helpFooter());
  const act = createAct(io, end);
  for (const add of ADDERS) add({ program, act });
  for (const command of allCommands(program)) prepare(command, io);
  return program;
}

/** The command and everything below it. */
export function allCommands(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap((child) => allCommands(child))];
}

function prepare(command: Command, io: Io): void {
  command
    .exitOverride()
    .showHelpAfterError("(--help shows how)")
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      getOutHelpWidth: () => 110,
      getErrHelpWidth: () => 110,
    });
}

function helpFooter(): string {
  const codes = EXIT_MEANINGS.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`);
  return [
    "",
    "Environment, as the vault CLI has it (BAO_* works too):",
    "  VAULT_ADDR, VAULT_TOKEN (else ~/.vault-token), VAULT_NAMESPACE, VAULT_CACERT, VAULT_SKIP_VERIFY",
    "",
    "Exit codes:",
    ...codes,
    "",
  ].join("\n");
}

function complain(error: unknown, io: Io): ExitCode {
  if (error instanceof CommanderError) {
    // It has printed its words already; help and version are no errors.
    return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  }
  if (error instanceof Failure) {
    io.stderr.write(`keyferry: ${error.message}\n`);
    if (error.advice !== "") io.stderr.write(`${error.advice}\n`);
    return error.exitCode;
  }
  if (io.signal.aborted) return EXIT.interrupted;
  const what = error instanceof Error ? error.message : String(error);
  io.stderr.write(`keyferry: this should not happen: ${what}\n`);
  return EXIT.unfinished;
}
