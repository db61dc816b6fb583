// Owns: the checks that need no server, as `npm test` runs them: all of them, side by side, each named in package.json.
// They run directly and not by turbo, whose cache could let a check pass on what it did not look at.

import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "./paths.mjs";

const CHECKS = ["format:check", "lint", "typecheck", "boundaries", "deadcode", "documents"];

/**
 * Runs the checks, prints what the failing ones said, and returns their names.
 * @param {{ env: NodeJS.ProcessEnv, progress: (line: string) => void }} options
 */
export async function runChecks({ env, progress }) {
  const { scripts } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  const results = await Promise.all(
    CHECKS.map(async (name) => ({ name, ...(await runCheck(scripts[name], env)) })),
  );
  const failed = results.filter((result) => result.code !== 0);
  for (const { name, output } of failed) process.stderr.write(`\n--- ${name} ---\n${output}\n`);
  progress(
    `checks: ${results.map(({ name, code }) => `${name} ${code === 0 ? "ok" : "FAILED"}`).join(", ")}`,
  );
  return failed.map(({ name }) => name);
}

async function runCheck(command, env) {
  if (command === undefined) return { code: 1, output: "package.json has no such script" };
  return await new Promise((resolve) => {
    const child = spawn(command, { cwd: ROOT, env, shell: true, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => {
        output += text;
      });
    }
    child.once("error", (error) => resolve({ code: 1, output: error.message }));
    child.once("close", (code) => resolve({ code: code ?? 1, output }));
  });
}
