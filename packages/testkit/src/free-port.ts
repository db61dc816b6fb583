// Owns: choosing ports for servers that are killed and started again on the same one.
//
// Invariant PORT-1: no two processes that use this file hold the same port, even while the server is down. Otherwise a
// test would find another test's server on its port and believe it to be its own.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { guardPath } from "./backend/watchdog.ts";
import { isAlive } from "./process-alive.ts";

// Below 32768, where Linux (and 49152, where macOS) begins to take ports for outgoing connections. A server's port
// from that range could be taken while the server is down, even by the very client that tries to connect to it again:
// on loopback, TCP then connects the client with itself.
const PORT_FIRST = 15_000;
const PORT_LAST = 31_999;
const ATTEMPTS_MAX = 200;

/** A loopback port on which nothing listens; it is this process's until the process ends. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const port = PORT_FIRST + Math.floor(Math.random() * (PORT_LAST - PORT_FIRST + 1));
    if (reserve(port) && (await canListen(port))) return port;
  }
  throw new Error(`no free port between ${PORT_FIRST} and ${PORT_LAST} in ${ATTEMPTS_MAX} tries`);
}

/** Whether a server could listen on the loopback port now. */
export async function canListen(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** One file per port, made exclusively, with its owner's pid. A dead owner's is removed, for a later call to take. */
function reserve(port: number): boolean {
  const folder = join(tmpdir(), `keyferry-ports-${userInfo().uid}`);
  const file = join(folder, String(port));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    if (!isAlive(readOwner(file))) rmSync(file, { force: true });
    return false;
  }
  guardPath(file);
  return true;
}

function readOwner(file: string): number {
  try {
    // An empty file is being written at this moment by a living process.
    return Number(readFileSync(file, "utf8")) || process.pid;
  } catch {
    // Its owner has just removed it, which is as good as reserved for this one call.
    return process.pid;
  }
}
