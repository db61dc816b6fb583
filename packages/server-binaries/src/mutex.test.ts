import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { withMutex } from "./mutex.mjs";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keyferry-mutex-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** A process that has lived and is gone, so that its pid names nobody. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(child, "exit");
  if (child.pid === undefined) throw new Error("the process did not start");
  return child.pid;
}

async function leaveLockOf(pid: number): Promise<void> {
  await mkdir(join(folder, "lock"));
  const owner = JSON.stringify({ pid, host: hostname(), since: Date.now() });
  await writeFile(join(folder, "lock", `owner-${pid}-x`), owner);
}

test("of many that want the lock, one at a time has it", async () => {
  let inside = 0;
  let most = 0;
  const work = async () => {
    inside += 1;
    most = Math.max(most, inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside -= 1;
  };
  await Promise.all(Array.from({ length: 5 }, async () => await withMutex(join(folder, "lock"), work)));
  expect(most).toBe(1);
  expect(await readdir(folder)).toEqual([]);
});

test("the lock is released when the work fails", async () => {
  const failing = withMutex(join(folder, "lock"), async () => await Promise.reject(new Error("no network")));
  await expect(failing).rejects.toThrow("no network");
  expect(await withMutex(join(folder, "lock"), async () => await Promise.resolve("next"))).toBe("next");
});

test("a lock whose owner is dead is taken over, by one", async () => {
  await leaveLockOf(await deadPid());
  let inside = 0;
  let most = 0;
  const work = async () => {
    inside += 1;
    most = Math.max(most, inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside -= 1;
  };
  await Promise.all([1, 2, 3].map(async () => await withMutex(join(folder, "lock"), work)));
  expect(most).toBe(1);
});

test("a lock whose owner lives is waited for, and the wait is told once", async () => {
  await leaveLockOf(process.pid);
  const told: string[] = [];
  const waiting = withMutex(join(folder, "lock"), async () => await Promise.resolve("mine"), {
    onWait: (owner) => {
      told.push(owner);
      void rm(join(folder, "lock"), { recursive: true });
    },
  });
  expect(await waiting).toBe("mine");
  expect(told).toEqual([`process ${process.pid}`]);
});
