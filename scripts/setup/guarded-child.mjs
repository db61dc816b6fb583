// Owns: child processes that get this process's signals once, and end with it even when it is killed outright.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "./paths.mjs";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];
const WATCHDOG = join(ROOT, "packages", "testkit", "src", "backend", "watchdog.mjs");
/** npm passes a Ctrl-C on that the terminal has already sent; a person's second one comes later than this. */
const SAME_SIGNAL_MS = 400;

/**
 * Runs a command to its end. It leads a process group of its own, so the terminal's Ctrl-C reaches this process only,
 * which passes it on.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import("node:child_process").SpawnOptions} options
 * @returns {Promise<{ code: number | null, signal: string | null, received: string | undefined }>}
 *   how it ended, and the last signal that came meanwhile
 */
export async function runGuarded(command, args, options) {
  const child = spawn(command, args, { ...options, detached: true });
  const watchdog = spawn(process.execPath, [WATCHDOG], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
    env: {},
  });
  // Without a watchdog the command runs as well.
  watchdog.on("error", () => undefined);
  watchdog.stdin.on("error", () => undefined);
  watchdog.stdin.write(`+${child.pid}\n`);
  let received;
  const isNew = signalFilter(Date.now);
  const forward = (signal) => {
    received = signal;
    if (isNew(signal)) child.kill(signal);
  };
  for (const signal of SIGNALS) process.on(signal, forward);
  try {
    const [code, signal] = await endOf(child);
    return { code, signal, received };
  } finally {
    for (const signal of SIGNALS) process.off(signal, forward);
    watchdog.stdin.end(`-${child.pid}\n`);
  }
}

/**
 * Tells a signal that is to be passed on from the echo of one that was.
 * @param {() => number} now milliseconds
 * @returns {(signal: string) => boolean}
 */
export function signalFilter(now) {
  const last = new Map();
  return (signal) => {
    const before = last.get(signal);
    last.set(signal, now());
    return before === undefined || now() - before >= SAME_SIGNAL_MS;
  };
}

function endOf(child) {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve([code, signal]));
  });
}
