// Owns: running one outside command to its end with a time limit, and telling "not installed" from "failed".

import { execFile } from "node:child_process";

/** No outside command here prints more than a few kilobytes; more means something is wrong. */
const OUTPUT_BYTES_MAX = 8 * 1024 * 1024;

/**
 * Runs a command and returns what it printed. Never throws for the command's own failure.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, timeoutMs?: number }} [options]
 * @returns {Promise<{ kind: "ended", code: number, stdout: string, stderr: string } | { kind: "missing" }>}
 */
export function run(command, args, { cwd, env = process.env, timeoutMs = 30_000 } = {}) {
  return new Promise((resolve) => {
    execFile(
      command,
      [...args],
      { cwd, env, timeout: timeoutMs, maxBuffer: OUTPUT_BYTES_MAX, encoding: "utf8" },
      (error, stdout, stderr) => {
        if (error?.code === "ENOENT" || error?.code === "EACCES") {
          resolve({ kind: "missing" });
          return;
        }
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
        const cut = error?.killed ? `\n(stopped after ${timeoutMs / 1000} s)` : "";
        resolve({ kind: "ended", code, stdout, stderr: `${stderr}${cut}` });
      },
    );
  });
}

/** The last lines of a failed command, short enough for one error message. */
export function lastLines(result, count = 3) {
  if (result.kind === "missing") return "command not found";
  const lines = `${result.stdout}\n${result.stderr}`.split("\n").filter((line) => line.trim() !== "");
  return lines.slice(-count).join(" | ");
}
