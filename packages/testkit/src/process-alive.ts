// Owns: telling whether a process still runs.

import { readFileSync } from "node:fs";

/** Whether the process runs. One that has ended and waits for its parent to take note (a zombie) does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, under another user.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
  return !isZombie(pid);
}

function isZombie(pid: number): boolean {
  if (process.platform !== "linux") return false;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name, in parentheses, may hold anything; the state follows it (proc(5)).
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
  } catch {
    // Gone between the two looks.
    return true;
  }
}
