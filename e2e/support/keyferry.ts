// Owns: running the command `keyferry` as a person does: a process with an environment.
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import type { Stack } from "@keyferry/testkit";

const PROGRAM = resolve(import.meta.dirname, "../../apps/cli/bin/keyferry.mjs");

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly token?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Told each piece of output; gives what to send the process, if anything. */
  readonly onOutput?: (text: string) => NodeJS.Signals | undefined;
}

/** Runs a command line against a stack, with the root token unless another. */
export function keyferry(stack: Stack, args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: {
      PATH: process.env["PATH"],
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
      HOME: stack.dir,
      VAULT_ADDR: stack.vault.address,
      VAULT_TOKEN: options.token ?? stack.openbao.rootToken,
      ...options.env,
    },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.end(options.stdin ?? "");
  let stdout = "";
  let stderr = "";
  const heard = (text: string): void => {
    const signal = options.onOutput?.(text);
    if (signal !== undefined) child.kill(signal);
  };
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString("utf8");
    heard(chunk.toString("utf8"));
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("utf8");
    heard(chunk.toString("utf8"));
  });
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("close", (code) => done({ code: code ?? -1, stdout, stderr }));
  });
}

/** As `keyferry -o json`, parsed; throws unless it ends with 0. */
export async function keyferryJson(
  stack: Stack,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Readonly<Record<string, unknown>>> {
  const { code, stdout, stderr } = await keyferry(stack, [...args, "-o", "json"], options);
  if (code !== 0) throw new Error(`keyferry ${args.join(" ")} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as Readonly<Record<string, unknown>>;
}
