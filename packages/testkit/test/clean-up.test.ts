// Servers end with the process that started them, however that ended.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { eventually, isAlive } from "../src/index.ts";

interface Started {
  readonly pid: number;
  readonly dir: string;
}

async function isMissing(path: string): Promise<boolean> {
  return await stat(path).then(
    () => false,
    () => true,
  );
}

test.each(["SIGKILL", "SIGTERM"] as const)(
  "after %s of their owner, servers and folders disappear",
  async (signal) => {
    const owner = spawn(process.execPath, [join(import.meta.dirname, "start-and-hang.ts")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      const [line] = (await once(createInterface({ input: owner.stdout }), "line")) as [string];
      const servers = JSON.parse(line) as Started[];
      expect(servers).toHaveLength(2);
      for (const { pid } of servers) expect(isAlive(pid)).toBe(true);
      owner.kill(signal);
      for (const { pid, dir } of servers) {
        await eventually(() => !isAlive(pid), { what: `process ${pid} to be gone` });
        await eventually(async () => await isMissing(dir), { what: `${dir} to be removed` });
      }
    } finally {
      owner.kill("SIGKILL");
    }
  },
);
