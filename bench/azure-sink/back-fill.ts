// How long a first sync of one vault takes under Azure's limits (300 creates in any 10 s), against n / 30 s, and how long
// changes of secrets that are there already wait meanwhile. The first sync is a rule's, which goes to the bulk lane, as
// what a person sets one by one goes to the live one.
// Run: node bench/azure-sink/back-fill.ts [--secrets 600] [--sinks 1,2] [--jitter-ms 0] [--cold] [--json]
import { parseArgs } from "node:util";
import { eventually } from "@keyferry/testkit";
import { mostWithin, pathsOf, say, type SinkStack, startSinkStack } from "./sink-stack.ts";

/** Azure's ceiling, creates a second and vault, and the window in which it is counted. */
const CEILING = 30;
const WINDOW_MS = 10_000;
/** Points of the curve that the JSON holds. */
const CURVE_POINTS = 200;
/** Commands in hand per lane: the sink's own default. */
const CONCURRENCY = 16;
/** A name is written at most every 2 s, which is not what the live changes are to measure. */
const SAME_NAME_MS = 2_500;
/** Live changes in a run, and the time between two. */
const LIVE_CHANGES = 5;
const LIVE_EVERY_MS = 2_000;
const { values: options } = parseArgs({
  options: {
    secrets: { type: "string", default: "600" },
    sinks: { type: "string", default: "1,2" },
    "jitter-ms": { type: "string", default: "0" },
    cold: { type: "boolean", default: false },
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
  /** Creates in the fullest 10 s. */
  readonly fullest: number;
  /** From the write of a known secret to its version in the vault, with the queue before it: median and most, ms. */
  readonly liveMs: number;
  readonly liveMsMax: number;
  /** How many of the queue were still waiting when the first change was written. */
  readonly queuedBehind: number;
  /** The longest times between two sets, and when: ms since the first. */
  readonly gaps: readonly { readonly atMs: number; readonly ms: number }[];
  /** Seconds since the first, and secrets by then. */
  readonly curve: readonly (readonly [number, number])[];
}

async function backFill(bench: SinkStack, sinks: number, number: number): Promise<Figures> {
  const vault = `bench-fill-${number}`;
  const prefix = `fill${number}-`;
  say(`writing ${secrets} secrets for ${sinks} ${sinks === 1 ? "sink" : "sinks"}`);
  await bench.destination(vault);
  await bench.pause(vault);
  if (!options.cold) await bench.startWarm(sinks, CONCURRENCY, `warm${number}`);
  await bench.write(pathsOf(`fill${number}`, secrets));
  await bench.rule(vault, prefix);
  await bench.backlog(secrets, { prefix, version: 1, lane: "bulk" });
  if (options.cold) await Promise.all(Array.from({ length: sinks }, () => bench.startSink(CONCURRENCY)));
  await bench.resume(vault);
  const live = liveChanges(bench, vault);
  const times = await bench.setTimes([vault], secrets + LIVE_CHANGES);
  const { waits, queuedBehind } = await live;
  await bench.stopSinks();
  const first = times[0] ?? 0;
  const seconds = ((times.at(-1) ?? 0) - first) / 1_000;
  const { requests } = await bench.log(vault);
  const step = Math.max(1, Math.floor(times.length / CURVE_POINTS));
  const gaps = times.slice(1).map((time, index) => ({
    atMs: (times[index] ?? time) - first,
    ms: time - (times[index] ?? time),
  }));
  return {
    sinks,
    seconds,
    ratio: seconds / (times.length / CEILING),
    calls: requests.length,
    throttled: requests.filter(({ status }) => status === 429).length,
    fullest: mostWithin(times, WINDOW_MS),
    liveMs: waits[Math.floor(waits.length / 2)] ?? 0,
    liveMsMax: waits.at(-1) ?? 0,
    queuedBehind,
    gaps: gaps.toSorted((a, b) => b.ms - a.ms).slice(0, 5),
    curve: times.flatMap((time, index) =>
      index % step === 0 || index === times.length - 1 ? [[(time - first) / 1_000, index + 1] as const] : [],
    ),
  };
}

/** Writes the next version of those that arrived first, one after the other, while the others queue. */
async function liveChanges(
  bench: SinkStack,
  vault: string,
): Promise<{ readonly waits: readonly number[]; readonly queuedBehind: number }> {
  const sets = async () => (await bench.log(vault)).effects.filter(({ kind }) => kind === "set");
  const known = await eventually(sets, {
    what: "the first to arrive",
    until: (found) => found.length >= LIVE_CHANGES,
    timeoutMs: 60_000,
  });
  await sleep(SAME_NAME_MS);
  const queuedBehind = secrets - (await sets()).length;
  const waits: number[] = [];
  for (const { name } of known.slice(0, LIVE_CHANGES)) {
    const writtenMs = Date.now();
    await bench.write([name]);
    const arrived = await eventually(
      async () => (await sets()).filter((effect) => effect.name === name)[1]?.wallMs,
      { what: "the live change to arrive", timeoutMs: 200_000 },
    );
    waits.push(Math.max(0, arrived - writtenMs));
    await sleep(LIVE_EVERY_MS);
  }
  return { waits: waits.toSorted((a, b) => a - b), queuedBehind };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

await using bench = await startSinkStack("azure");
const jitterMs = Number(options["jitter-ms"]);
if (jitterMs > 0) {
  // Every other call is late by this much.
  const rule = { fault: { kind: "latency", ms: jitterMs }, operations: ["set"], probability: 0.5, seed: 1 };
  await bench.stack.keyVault.control("POST", "faults", rule);
}
const rows: Figures[] = [];
for (const [index, sinks] of options.sinks.split(",").map(Number).entries()) {
  rows.push(await backFill(bench, sinks, index + 1));
  say(`${sinks}: ${rows.at(-1)?.seconds.toFixed(1)} s; longest gaps ${JSON.stringify(rows.at(-1)?.gaps)}`);
}
if (options.json) {
  process.stdout.write(`${JSON.stringify({ secrets, jitterMs, rows })}\n`);
} else {
  const total = secrets + LIVE_CHANGES;
  process.stdout.write(
    [
      `${total} creates in one vault; n / 30 s is ${(total / CEILING).toFixed(1)} s`,
      "| sinks | seconds | against n / 30 s | calls | answered 429 | most creates in 10 s | a live change took, ms: median, most | queued before it |",
      "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
      ...rows.map(
        (row) =>
          `| ${row.sinks} | ${row.seconds.toFixed(1)} | ${row.ratio.toFixed(4)} | ${row.calls} | ${row.throttled} | ${row.fullest} | ${row.liveMs}, ${row.liveMsMax} | ${row.queuedBehind} |`,
      ),
      "To reach: 1.06, and one call in 1,000.\n",
    ].join("\n"),
  );
}
