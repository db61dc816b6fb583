// `npm start -- --once` without its set-up: the demonstration ends with 0, shows each step, and leaves no process.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { isAlive } from "@keyferry/testkit";
import { expect, test } from "vitest";

const MAIN = resolve(import.meta.dirname, "../scripts/start/main.ts");

async function run(args: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString("utf8")));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, out, err };
}

test("the demonstration shows each step in Key Vault with its hop times and ends with 0", async () => {
  const { code, out, err } = await run(["--once"]);
  expect(err).toBe("");
  expect(code).toBe(0);
  expect(out.match(/✓/g)).toHaveLength(4);
  expect(out).toMatch(/commit → .*Key Vault \d+ ms/);
  const logs = /Data and logs of this run: (\S+)/.exec(out)?.[1] ?? "";
  expect(logs).toContain(".keyferry/runs/");
  expect(isAlive(Number(logs.split("-").at(-1)))).toBe(false);
});

test("a wrong option is named, the help is shown, and the code is 2", async () => {
  const { code, err } = await run(["--onec"]);
  expect(code).toBe(2);
  expect(err).toContain("--onec");
  expect(err).toContain("Usage: npm start");
});

test("a configuration with faults is answered with all of them and code 2", async () => {
  const { code, err } = await run(["--config", resolve(import.meta.dirname, "does-not-exist.yaml")]);
  expect(code).toBe(2);
  expect(err).toContain("does-not-exist.yaml");
});
