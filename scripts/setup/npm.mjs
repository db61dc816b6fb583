// Owns: calling npm: the one that runs this script where there is one, else the one on PATH.

import { constants } from "node:os";
import { basename } from "node:path";
import { runGuarded } from "./guarded-child.mjs";

/** Thrown where a signal ended the set-up; `exitCode` is what a shell expects then. */
export class StoppedError extends Error {
  name = "StoppedError";

  constructor(signal) {
    super(`set-up stopped by ${signal}`);
    this.exitCode = 128 + constants.signals[signal];
  }
}

/**
 * Runs npm to its end, its output on stderr. A stopped set-up stops npm too, so that no npm goes on writing while the
 * next set-up begins.
 * @param {readonly string[]} args
 * @param {{ cwd: string, env: NodeJS.ProcessEnv, nodePath?: string }} options `nodePath` runs npm itself
 */
export async function npm(args, { cwd, env, nodePath = process.execPath }) {
  const script = process.env.npm_execpath;
  const own = script !== undefined && basename(script) === "npm-cli.js";
  const [command, before] = own ? [nodePath, [script]] : ["npm", []];
  const ended = await runGuarded(command, [...before, ...args], { cwd, env, stdio: ["ignore", 2, 2] });
  if (ended.received !== undefined) throw new StoppedError(ended.received);
  if (ended.code !== 0) {
    throw new Error(`npm ${args[0]} in ${cwd} ended with ${ended.signal ?? `code ${ended.code}`}`);
  }
}
