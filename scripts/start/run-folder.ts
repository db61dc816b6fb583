import { mkdir, readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { isAlive } from "@keyferry/testkit";

const RUNS = resolve(import.meta.dirname, "../../.keyferry/runs");
// Enough to look at what went wrong yesterday; a run's data is some megabytes.
const KEPT_MAX = 5;

/** Makes a folder for this run, so that two can run at once, and removes old ones whose process is gone. */
export async function makeRunFolder(now: Date): Promise<string> {
  await mkdir(RUNS, { recursive: true, mode: 0o700 });
  const stamp = now.toISOString().replaceAll(/[-:]|\..*$/g, "");
  const folder = join(RUNS, `${stamp}-${process.pid}`);
  await mkdir(folder, { mode: 0o700 });
  const ended = (await readdir(RUNS)).filter((name) => !isAlive(pidOf(name))).toSorted();
  for (const name of ended.slice(0, -KEPT_MAX)) await rm(join(RUNS, name), { recursive: true, force: true });
  return folder;
}

function pidOf(name: string): number {
  return Number(name.split("-")[1] ?? 0);
}
