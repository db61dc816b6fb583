// Owns: killing what its parent started, when the parent is gone, however it went (kill -9 included). The parent
// holds the other end of this process's stdin and names on it, a line each, what to clean up:
//   +PID, -PID   a child that leads its own process group
//   >DIR, <DIR   a folder or file of its own
// The pipe closes with its last holder, so its end is the sign; no polling, no timer.

import { createInterface } from "node:readline";
import { rmSync } from "node:fs";

const pids = new Set();
const paths = new Set();

// The terminal's Ctrl-C and a supervisor's signals are meant for the parent, which then stops its children in order.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => undefined);

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const rest = line.slice(1);
  if (line.startsWith("+")) pids.add(Number(rest));
  else if (line.startsWith("-")) pids.delete(Number(rest));
  else if (line.startsWith(">")) paths.add(rest);
  else if (line.startsWith("<")) paths.delete(rest);
});
lines.on("close", () => {
  for (const pid of pids) {
    if (!kill(-pid)) kill(pid);
  }
  for (const path of paths) rmSync(path, { recursive: true, force: true, maxRetries: 5 });
});

function kill(pid) {
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch (error) {
    // ESRCH: already gone, or not the leader of a group.
    if (error.code === "ESRCH" || error.code === "EPERM") return false;
    throw error;
  }
}
