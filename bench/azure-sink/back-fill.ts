// How long a first sync of one vault takes under Azure's limits (300 creates in any 10 s), against n / 30 s, and how long
// a change of a secret that is already there waits meanwhile.
// Run: node bench/azure-sink/back-fill.ts [--secrets 600] [--sinks 1,2] [--jitter-ms 0] [--json]
import { parseArgs } from "node:util";
import { eventually } from "@keyferry/testkit";
import { pathsOf, type SinkStack, startSinkStack } from "./sink-stack.ts";

/** Azure's ceiling, creates a second and vault. */
const CEILING = 30;
/** Points of the curve that the JSON holds. */
const CURVE_POINTS = 200;
/** A name is written at most every 2 s, which is not what the live change is to measure. */
const SAME_NAME_MS = 2_500;
const { values: options } = parseArgs({
  options: {
    secrets: { type: "string", default: "600" },
    sinks: { type: "string", default: "1,2" },
    "jitter-ms": { type: "string", default: "0" },
    json: { type: "boolean", default: false },
  },
});
const secrets = Number(options.secrets);

interface Figures {
  readonly sinks: number;
  readonly seconds: number;
  /** Against n / 30 s. */
  readonly ratio: number;
  readonly calls: number;
  readonly throttled: number;
  /** From the write of a known secret to its version in the vault, with the queue before it, ms. */
  readonly liveMs: number;
  /** How many of the queue were still waiting when the change was written. */
  readonly queuedBehind: number;
  /** Seconds since the first, and secrets by then. */
  readonly curve: readonly (readonly [number, number])[];
}

async function backFill(bench: SinkStack, sinks: number, number: number): Promise<Figures> {
  const vault = `bench-fill-${sinks}`;
  const paths = pathsOf(vault, secrets);
  await bench.associate(vault, paths);
  // Each fill before this one has left one command that wishes a later version: its live change.
  await bench.backlog(secrets * number - (number - 1), 1);
  await Promise.all(Array.from({ length: sinks }, () => bench.startSink(16)));
  const live = liveChange(bench, vault);
  // One more than secrets: the live change.
  const times = await bench.setTimes([vault], secrets + 1);
  const { liveMs, queuedBehind } = await live;
  await bench.stopSinks();
  const first = times[0] ?? 0;
  const seconds = ((times.at(-1) ?? 0) - first) / 1_000;
  const { requests } = await bench.log(vault);
  const step = Math.max(1, Math.floor(times.length / CURVE_POINTS));
  return {
    sinks,
    seconds,
    ratio: seconds / (times.length / CEILING),
    calls: requests.length,
    throttled: requests.filter(({ status }) => status === 429).length,
    liveMs,
    queuedBehind,
    curve: times.flatMap((time, index) =>
      index % step === 0 || index === times.length - 1 ? [[(time - first) / 1_000, index + 1] as const] : [],
    ),
  };
}

/** Writes the next version of the first secret that arrived, while the others queue. */
async function liveChange(
  bench: SinkStack,
  vault: string,
): Promise<Pick<Figures, "liveMs" | "queuedBehind">> {
  const sets = async () => (await bench.log(vault)).effects.filter(({ kind }) => kind === "set");
  const path = await eventually(async () => (await sets())[0]?.name, {
    what: "the first to arrive",
    timeoutMs: 60_000,
  });
  await new Promise((resolve) => setTimeout(resolve, SAME_NAME_MS));
  const before = await sets();
  await bench.write([path]);
  const writtenMs = Date.now();
  const arrived = await eventually(
    async () => (await sets()).filter(({ name }) => name === path)[1]?.wallMs,
    { what: "the live change to arrive", timeoutMs: 200_000 },
  );
  return { liveMs: Math.max(0, arrived - writtenMs), queuedBehind: secrets - before.length };
}

await using bench = await startSinkStack("azure");
const jitterMs = Number(options["jitter-ms"]);
if (jitterMs > 0) {
  // Every other call is late by this much.
  const rule = { fault: { kind: "latency", ms: jitterMs }, operations: ["set"], probability: 0.5, seed: 1 };
  await bench.stack.keyVault.control("POST", "faults", rule);
}
const rows: Figures[] = [];
// One after the other; a vault's commands are on top of those of the ones before, which are done by then.
for (const [index, sinks] of options.sinks.split(",").map(Number).entries()) {
  rows.push(await backFill(bench, sinks, index + 1));
}
if (options.json) {
  process.stdout.write(`${JSON.stringify({ secrets, jitterMs, rows })}\n`);
} else {
  process.stdout.write(
    [
      `${secrets} secrets into one vault; n / 30 s is ${(secrets / CEILING).toFixed(1)} s`,
      "| sinks | seconds | against n / 30 s | calls | answered 429 | a live change took, ms | queued before it |",
      "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
      ...rows.map(
        (row) =>
          `| ${row.sinks} | ${row.seconds.toFixed(1)} | ${row.ratio.toFixed(3)} | ${row.calls} | ${row.throttled} | ${row.liveMs} | ${row.queuedBehind} |`,
      ),
      "To reach: 1.06, and one call in 1,000.\n",
    ].join("\n"),
  );
}
