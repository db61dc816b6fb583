// Owns: one lock between processes of one machine, as a folder.
//
// Invariants:
// MUTEX-1 The lock folder and the file that names its owner appear in one step: the folder is made aside and renamed.
//         A rename onto a folder that is not empty fails, so there is one winner.
// MUTEX-2 A dead owner's lock is taken over by unlinking its owner file, whose name is unique; the unlink has one
//         winner too, and leaves an empty folder that the rename of MUTEX-1 may replace.

import { mkdir, readFile, readdir, rename, rm, rmdir, unlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { randomBytes } from "node:crypto";
import { run } from "./command.mjs";

const POLL_MS = 100;
/** Longer than the slowest honest holder: a cold `npm ci` or a 75 MB download on a slow line. */
const WAIT_MS_MAX = 20 * 60_000;
/** Owners on other hosts (a shared home) can't be looked up, so their lock counts as left behind after this. */
const FOREIGN_OWNER_MS_MAX = 30 * 60_000;

/**
 * Runs `work` while holding the lock at `path`; the lock is released however `work` ends.
 * @template T
 * @param {string} path
 * @param {() => Promise<T>} work
 * @param {{ onWait?: (owner: string) => void }} [options]
 * @returns {Promise<T>}
 */
export async function withMutex(path, work, options = {}) {
  const ownerFile = await acquire(path, options);
  try {
    return await work();
  } finally {
    await release(path, ownerFile);
  }
}

async function acquire(path, { onWait }) {
  await mkdir(dirname(path), { recursive: true });
  const nonce = randomBytes(6).toString("hex");
  const ownerFile = `owner-${process.pid}-${nonce}`;
  const record = JSON.stringify({
    pid: process.pid,
    host: hostname(),
    started: await processStart(process.pid),
    since: Date.now(),
  });
  const deadline = Date.now() + WAIT_MS_MAX;
  let told = false;
  for (;;) {
    if (await tryAcquire(path, nonce, ownerFile, record)) return ownerFile;
    const owner = await removeDeadOwner(path);
    if (owner === undefined) continue;
    if (!told) onWait?.(owner);
    told = true;
    if (Date.now() > deadline) {
      throw new Error(
        `${path} has been held by ${owner} for too long; if that is no running set-up, delete it`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function tryAcquire(path, nonce, ownerFile, record) {
  const aside = `${path}.${nonce}`;
  await mkdir(aside);
  await writeFile(join(aside, ownerFile), record);
  try {
    await rename(aside, path);
    return true;
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    if (["ENOTEMPTY", "EEXIST", "EPERM"].includes(error.code)) return false;
    throw error;
  }
}

/** Returns who holds the lock, or undefined where it is worth trying again at once. */
async function removeDeadOwner(path) {
  const name = (await readdir(path).catch(ignoreMissing))?.find((entry) => entry.startsWith("owner-"));
  if (name === undefined) return undefined;
  const text = await readFile(join(path, name), "utf8").catch(ignoreMissing);
  if (text === undefined) return undefined;
  const owner = parseOwner(text);
  if (await isAlive(owner)) return `process ${owner.pid}`;
  await unlink(join(path, name)).catch(ignoreMissing);
  return undefined;
}

function parseOwner(text) {
  try {
    return JSON.parse(text);
  } catch {
    // A half-written record is its writer's crash: MUTEX-1 writes it before the folder becomes the lock.
    return { pid: 0, host: hostname(), since: 0 };
  }
}

async function isAlive(owner) {
  if (owner.host !== hostname()) return Date.now() - owner.since < FOREIGN_OWNER_MS_MAX;
  if (owner.pid === 0) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    // EPERM: it lives, under another user.
    return error.code === "EPERM";
  }
  // Pids are used again: the same pid with another start time is another process.
  const started = await processStart(owner.pid);
  return started === undefined || owner.started === undefined || started === owner.started;
}

async function processStart(pid) {
  if (process.platform === "linux") {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    // The name, in parentheses, may hold spaces; the start time is the 20th field after it (proc(5), field 22).
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  }
  const listed = await run("ps", ["-o", "lstart=", "-p", String(pid)]);
  return listed.kind === "ended" && listed.code === 0 ? listed.stdout.trim() : undefined;
}

async function release(path, ownerFile) {
  await unlink(join(path, ownerFile)).catch(ignoreMissing);
  // Another process may already have renamed its own folder over the empty one.
  await rmdir(path).catch((error) => {
    if (!["ENOENT", "ENOTEMPTY", "EEXIST"].includes(error.code)) throw error;
  });
}

function ignoreMissing(error) {
  if (error.code === "ENOENT") return undefined;
  throw error;
}
