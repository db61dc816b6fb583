// The command: `npm run bench -- --help`.

import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { ensureServers } from "@keyferry/server-binaries";
import { BENCHMARKS, type Benchmark } from "./catalogue.ts";
import { plotsOf } from "./plot/plots.ts";
import { type BenchResult, type PartResult, thisMachine } from "./result.ts";
import { runPart } from "./run-part.ts";
import { toMarkdownTable, toText } from "./table.ts";

const ROOT = join(import.meta.dirname, "../..");
const USAGE = `npm run bench -- [NAME…] [--list] [--json FILE] [--out FOLDER] [--with FILE…]

Runs the benchmarks one after the other, each against its baseline in the same run, and prints a table of ratios.
The services run as the images carry them: their bundles are built first.
Without names: all of them, about 25 minutes on an idle machine.

  --list        the names and what they measure
  --json FILE   the result with all that was measured
  --out FOLDER  table.md, result.json and the plots as SVG
  --with FILE   adds the parts of an earlier result (of --json) to this one's; may be given more than once
  --only-with   runs nothing: table and plots from the earlier results alone

Exit code: 0, also where a figure is missed (a busy machine is no fault); 1 where a benchmark could not be run.
`;

function readArguments() {
  return parseArgs({
    allowPositionals: true,
    options: {
      list: { type: "boolean", default: false },
      json: { type: "string" },
      out: { type: "string" },
      with: { type: "string", multiple: true, default: [] },
      "only-with": { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
}

async function main(): Promise<number> {
  const { values, positionals } = readArguments();
  if (values.help) return print(USAGE);
  if (values.list)
    return print(`${BENCHMARKS.map(({ name, what }) => `${name.padEnd(15)} ${what}`).join("\n")}\n`);
  const unknown = positionals.filter((name) => !BENCHMARKS.some((benchmark) => benchmark.name === name));
  if (unknown.length > 0) throw new Error(`no benchmark named ${unknown.join(", ")}; --list names them`);
  const chosen = BENCHMARKS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const result = await joined(await runAll(values["only-with"] ? [] : chosen), values.with);
  if (values.json !== undefined) await write(values.json, `${JSON.stringify(result)}\n`);
  if (values.out !== undefined) {
    await write(join(values.out, "result.json"), `${JSON.stringify(result)}\n`);
    await write(join(values.out, "table.md"), `${toMarkdownTable(result)}\n`);
    for (const [file, svg] of plotsOf(result)) await write(join(values.out, file), svg);
  }
  print(`${toText(result)}\n`);
  return result.parts.every(({ failure }) => failure === undefined) ? 0 : 1;
}

async function runAll(chosen: readonly Benchmark[]): Promise<BenchResult> {
  const startedAt = new Date().toISOString();
  const beganMs = Date.now();
  const parts: PartResult[] = [];
  if (chosen.length > 0) await buildBundles();
  for (const [index, benchmark] of chosen.entries()) {
    const say = (text: string): void => {
      const tookS = Math.round((Date.now() - beganMs) / 1_000);
      process.stderr.write(`${String(tookS).padStart(5)} s  ${index + 1}/${chosen.length}  ${text}\n`);
    };
    parts.push(await runPart(benchmark, say));
  }
  return { startedAt, machine: thisMachine(await serverVersions()), parts };
}

// What is measured is what the images carry: a process that strips types as it starts is slower and larger at first.
async function buildBundles(): Promise<void> {
  const names = ["change-detector", "association-service", "azure-sink"];
  await promisify(execFile)(process.execPath, [join(ROOT, "deploy/build.ts"), ...names]);
  process.env["KEYFERRY_BUNDLES"] = join(ROOT, "dist");
}

/** With the parts of earlier results that this one has not, in the catalogue's order. */
async function joined(result: BenchResult, files: readonly string[]): Promise<BenchResult> {
  const earlier = await Promise.all(
    files.map(async (file) => JSON.parse(await readFile(file, "utf8")) as BenchResult),
  );
  const all = [result, ...earlier].flatMap(({ parts }) => parts);
  const parts = BENCHMARKS.flatMap(({ name }) => all.find((part) => part.name === name) ?? []);
  return {
    ...result,
    startedAt: [result, ...earlier].map((one) => one.startedAt).toSorted()[0] ?? result.startedAt,
    parts,
  };
}

async function serverVersions(): Promise<Readonly<Record<string, string>>> {
  const { bao, natsServer, redisServer } = await ensureServers({
    only: ["bao", "nats-server", "redis-server"],
  });
  const run = promisify(execFile);
  const versions: Record<string, string> = {};
  for (const { path, env } of [bao, natsServer, redisServer]) {
    const { stdout } = await run(path, ["--version"], { env: { ...process.env, ...env } }).catch(() => ({
      stdout: "",
    }));
    const name = path.split("/").at(-1) ?? path;
    versions[name] = /\d+\.\d+\.\d+/u.exec(stdout)?.[0] ?? "unknown";
  }
  return versions;
}

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
