// Owns: running one benchmark's script as a process, bounded in time, as often as it wishes.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Benchmark } from "./catalogue.ts";
import { combine } from "./figure.ts";
import { loadAverage, type PartResult } from "./result.ts";

const FOLDER = join(import.meta.dirname, "..");
const END_GRACE_MS = 20_000;

/** Never throws: a script that fails or takes too long is told in the result. */
export async function runPart(benchmark: Benchmark, say: (text: string) => void): Promise<PartResult> {
  const { name, what, script, args, runs } = benchmark;
  const began = performance.now();
  const load = loadAverage();
  const printed: unknown[] = [];
  let failure: string | undefined;
  try {
    for (let run = 1; run <= runs; run += 1) {
      say(`${name}${runs > 1 ? `, run ${run} of ${runs}` : ""}: ${what}`);
      printed.push(await runScript(benchmark));
    }
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
    say(`${name}: ${failure}`);
  }
  return {
    name,
    what,
    command: ["node", `bench/${script}`, ...args].join(" "),
    seconds: Math.round((performance.now() - began) / 1_000),
    loadAverage: load,
    figures: printed.length === 0 ? [] : combine(printed.map((one) => benchmark.read(one))),
    printed,
    ...(failure === undefined ? {} : { failure }),
  };
}

async function runScript({ script, args, minutesMax }: Benchmark): Promise<unknown> {
  const child = spawn(process.execPath, [join(FOLDER, script), ...args, "--json"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    // Its servers end with it: the test kit's watchdog sees to that.
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), END_GRACE_MS).unref();
  }, minutesMax * 60_000);
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString("utf8");
  });
  const [code] = (await once(child, "close")) as [number | null];
  clearTimeout(timer);
  if (isLate) throw new Error(`not done in ${minutesMax} minutes`);
  if (code !== 0) throw new Error(`ended with exit code ${code ?? "none"}`);
  return JSON.parse(text.trim().split("\n").at(-1) ?? "") as unknown;
}
