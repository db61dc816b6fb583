// Owns: how a command ends badly: an exit code, what is wrong, and what would be right.

import { EXIT, type ExitCode } from "./exit-codes.ts";

/** Ends the command with its message on stderr. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly exitCode: ExitCode;
  /** What to do about it; printed on a line of its own. */
  readonly advice: string;

  constructor(exitCode: ExitCode, message: string, advice = "") {
    super(message);
    this.exitCode = exitCode;
    this.advice = advice;
  }
}

/** The command line is wrong: `what` is, and `fix` says what would be right. */
export function usageFailure(what: string, fix: string): Failure {
  return new Failure(EXIT.usage, what, fix);
}
