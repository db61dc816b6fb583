// What a person sees of the set-up without installing anything, and what happens to a job when signals come.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { eventually, isAlive } from "@keyferry/testkit";
import { expect, test } from "vitest";
import { signalFilter } from "./guarded-child.mjs";

const RUN = join(import.meta.dirname, "run.mjs");
const GUARDED_CHILD = pathToFileURL(join(import.meta.dirname, "guarded-child.mjs")).href;

async function runToEnd(args: readonly string[]): Promise<{ code: unknown; output: string }> {
  const child = spawn(process.execPath, [RUN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  const [code] = await once(child, "close");
  return { code, output };
}

/** A job that names its pid, counts the signals it gets, and ends with that count at a SIGTERM. */
const JOB = `
  let interrupts = 0;
  process.on("SIGINT", () => { interrupts += 1; console.log("interrupted"); });
  process.on("SIGTERM", () => process.exit(40 + interrupts));
  setInterval(() => undefined, 60_000);
  console.log(process.pid);`;

interface Owner {
  readonly process: ChildProcess;
  readonly jobPid: number;
  readonly nextLine: () => Promise<string>;
}

/** A process that runs the job as the set-up does, and prints how it ended. */
async function startOwner(): Promise<Owner> {
  const script = `
    import { runGuarded } from ${JSON.stringify(GUARDED_CHILD)};
    const ended = await runGuarded(process.execPath, ["-e", ${JSON.stringify(JOB)}], { stdio: "inherit" });
    console.log(JSON.stringify(ended));`;
  const owner = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: owner.stdout })[Symbol.asyncIterator]();
  const nextLine = async () => String((await lines.next()).value);
  return { process: owner, jobPid: Number(await nextLine()), nextLine };
}

test("help names each job, and an unknown job is refused with the known ones", async () => {
  const help = await runToEnd(["--help"]);
  expect(help.code).toBe(0);
  for (const usage of ["npm start", "npm test", "test:unit", "test:real", "test:keyvault"]) {
    expect(help.output).toContain(usage);
  }
  const one = await runToEnd(["start", "--help"]);
  expect(one.output).toContain("--once");
  const unknown = await runToEnd(["strat"]);
  expect(unknown.code).toBe(2);
  expect(unknown.output).toContain("known: start, test, ");
});

test("a Ctrl-C that comes twice, from the terminal and from npm, is passed on once", () => {
  let nowMs = 1_000;
  const isNew = signalFilter(() => nowMs);
  expect(isNew("SIGINT")).toBe(true);
  nowMs += 10;
  expect(isNew("SIGINT")).toBe(false);
  expect(isNew("SIGTERM")).toBe(true);
  nowMs += 1_000;
  expect(isNew("SIGINT")).toBe(true);
});

test("a job gets the signals of its owner, and its own exit code is told", async () => {
  const owner = await startOwner();
  owner.process.kill("SIGINT");
  expect(await owner.nextLine()).toBe("interrupted");
  owner.process.kill("SIGTERM");
  expect(JSON.parse(await owner.nextLine())).toMatchObject({ code: 41, signal: null, received: "SIGTERM" });
});

test("a job whose owner is killed outright ends too", async () => {
  const owner = await startOwner();
  owner.process.kill("SIGKILL");
  await eventually(() => !isAlive(owner.jobPid), { what: "the job to be gone" });
});
