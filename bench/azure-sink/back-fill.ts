// How long a first sync of one vault takes under Azure's limits (300 creates in any 10 s), against n / 30 s, with one
// sink and with two.
// Run: node bench/azure-sink/back-fill.ts [--secrets 600] [--jitter-ms 0] [--json]
import { parseArgs } from "node:util";
import { pathsOf, type SinkStack, startSinkStack } from "./sink-stack.ts";

/** Azure's ceiling, creates a second and vault. */
const CEILING = 30;
const { values: options } = parseArgs({
  options: {
    secrets: { type: "string", default: "600" },
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
}

async function backFill(bench: SinkStack, sinks: number): Promise<Figures> {
  const vault = `bench-fill-${sinks}`;
  await bench.associate(vault, pathsOf(vault, secrets));
  await bench.backlog(secrets * sinks, 1);
  await Promise.all(Array.from({ length: sinks }, () => bench.startSink(16)));
  const times = await bench.setTimes([vault], secrets);
  await bench.stopSinks();
  const seconds = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1_000;
  const { requests } = await bench.log(vault);
  return {
    sinks,
    seconds,
    ratio: seconds / (secrets / CEILING),
    calls: requests.length,
    throttled: requests.filter(({ status }) => status === 429).length,
  };
}

await using bench = await startSinkStack("azure");
const jitterMs = Number(options["jitter-ms"]);
if (jitterMs > 0) {
  // Every other call is late by this much.
  const rule = { fault: { kind: "latency", ms: jitterMs }, operations: ["set"], probability: 0.5, seed: 1 };
  await bench.stack.keyVault.control("POST", "faults", rule);
}
// One after the other; the second vault's commands are on top of the first's, which are done by then.
const rows = [await backFill(bench, 1), await backFill(bench, 2)];
if (options.json) {
  process.stdout.write(`${JSON.stringify({ secrets, jitterMs, rows })}\n`);
} else {
  process.stdout.write(
    [
      `${secrets} secrets into one vault; n / 30 s is ${(secrets / CEILING).toFixed(1)} s`,
      "| sinks | seconds | against n / 30 s | calls | answered 429 |",
      "| ---: | ---: | ---: | ---: | ---: |",
      ...rows.map(
        (row) =>
          `| ${row.sinks} | ${row.seconds.toFixed(1)} | ${row.ratio.toFixed(3)} | ${row.calls} | ${row.throttled} |`,
      ),
      "To reach: 1.06, and one call in 1,000.\n",
    ].join("\n"),
  );
}
