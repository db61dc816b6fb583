// Owns: what a command has of the world, so that a test can run one in its own process.

import { readFile, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where text goes. */
export interface Sink {
  write(text: string): void;
  readonly isTerminal: boolean;
}

export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  now(): number;
  sleep(ms: number): Promise<void>;
  /** Undefined: there is no such file. */
  readFile(path: string): Promise<string | undefined>;
  writeFile(path: string, text: string): Promise<void>;
  readStdin(): Promise<string>;
  /** `~/.vault-token`. */
  readonly tokenFile: string;
}

/** The process's own. */
export function systemIo(signal: AbortSignal): Io {
  const sinkOf = (stream: NodeJS.WriteStream): Sink => ({
    write: (text) => void stream.write(text),
    isTerminal: stream.isTTY,
  });
  return {
    env: process.env,
    stdout: sinkOf(process.stdout),
    stderr: sinkOf(process.stderr),
    signal,
    now: () => Date.now(),
    sleep: (ms) => sleepOrAbort(ms, signal),
    readFile: readIfThere,
    writeFile: (path, text) => writeFile(path, text),
    async readStdin() {
      const parts: Buffer[] = [];
      for await (const part of process.stdin) parts.push(part as Buffer);
      return Buffer.concat(parts).toString("utf8");
    },
    tokenFile: join(homedir(), ".vault-token"),
  };
}

/** Resolves after `ms`, or at once when `signal` aborts. */
export function sleepOrAbort(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
  });
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
