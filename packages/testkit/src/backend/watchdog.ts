// Owns: the one watchdog process of this process, started with the first child. See watchdog.mjs for what it does.

import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";

interface WatchdogPipe {
  write(line: string): void;
}

let running: WatchdogPipe | undefined;

function pipe(): WatchdogPipe {
  running ??= startWatchdog();
  return running;
}

function startWatchdog(): WatchdogPipe {
  const child: ChildProcess = spawn(process.execPath, [join(import.meta.dirname, "watchdog.mjs")], {
    stdio: ["pipe", "ignore", "ignore"],
    // A session of its own, so that signals to the terminal's process group don't reach it.
    detached: true,
    env: {},
  });
  const { stdin } = child;
  if (stdin === null) throw new Error("the watchdog has no stdin");
  // A dead watchdog means no clean-up after a crash; the tests themselves need not fail for it.
  stdin.on("error", () => undefined);
  child.on("exit", () => {
    running = undefined;
  });
  child.unref();
  if ("unref" in stdin && typeof stdin.unref === "function") stdin.unref();
  return { write: (line) => void stdin.write(`${line}\n`) };
}

/** Has the process group that `pid` leads killed when this process ends. */
export function guardProcess(pid: number): void {
  pipe().write(`+${pid}`);
}

/** To be called when the process has ended: its pid may soon be another's. */
export function releaseProcess(pid: number): void {
  running?.write(`-${pid}`);
}

/** Has the folder or file removed when this process ends without doing so itself. */
export function guardPath(path: string): void {
  pipe().write(`>${path}`);
}

export function releasePath(path: string): void {
  running?.write(`<${path}`);
}
