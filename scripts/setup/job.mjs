// Owns: running the job itself: stdout is the job's, and its end is this process's end.

import { constants } from "node:os";
import { runGuarded } from "./guarded-child.mjs";
import { ROOT } from "./paths.mjs";

/**
 * Runs the command to its end and returns the exit code to end with: the job's, or 128 + signal.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ env: NodeJS.ProcessEnv }} options
 */
export async function runJob(command, args, { env }) {
  const { code, signal } = await runGuarded(command, args, { cwd: ROOT, env, stdio: "inherit" });
  return signal === null ? code : 128 + constants.signals[signal];
}
