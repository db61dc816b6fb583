// Runs the tiny service as a process, and tells what it writes and how it ends.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("tiny-service.ts", import.meta.url));
const LOOK_AGAIN_MS = 10;

export interface ServiceProcess extends AsyncDisposable {
  readonly folder: string;
  readonly child: ChildProcessWithoutNullStreams;
  /** The log so far. */
  lines(): Record<string, unknown>[];
  output(): { stdout: string; stderr: string };
  tell(line: string): void;
  /** The ready file once it is there and has `field`. */
  announced(field: string): Promise<string>;
  /** The exit code, or the signal that killed it. */
  ended(): Promise<number | NodeJS.Signals | null>;
}

/** Waits until `look` gives something. The test's own time limit ends a wait in vain. */
export async function until<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await delay(LOOK_AGAIN_MS);
  }
}

/** Starts the tiny service with this configuration, in a folder of its own that is removed afterwards. */
export async function startService(
  yaml: string,
  environment: Record<string, string> = {},
  args?: readonly string[],
): Promise<ServiceProcess> {
  const folder = await mkdtemp(join(tmpdir(), "keyferry-service-"));
  await writeFile(join(folder, "keyferry.yaml"), yaml);
  const readyFile = join(folder, "ready.json");
  const env = { PATH: process.env["PATH"], KEYFERRY_READY_FILE: readyFile, ...environment };
  const child = spawn(process.execPath, [SCRIPT, ...(args ?? [])], { cwd: folder, env });
  const written = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (written.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (written.stderr += text));
  const closed = once(child, "close");
  return {
    folder,
    child,
    lines: () =>
      written.stdout
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    output: () => written,
    tell: (line) => child.stdin.write(`${line}\n`),
    announced: (field) =>
      until(async () => {
        if (child.exitCode !== null)
          throw new Error(`ended with ${child.exitCode}: ${written.stderr}${written.stdout}`);
        const text = await readFile(readyFile, "utf8").catch(() => "{}");
        return (JSON.parse(text) as Record<string, string>)[field];
      }),
    ended: async () => {
      await closed;
      return child.exitCode ?? child.signalCode;
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await closed;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
