// How vaults of one rate group share Azure's limit of a subscription and region (1,500 creates in any 10 s), which is
// five times a vault's. With six vaults it binds before the vaults' own.
// Run: node bench/azure-sink/rate-group.ts [--vaults 6] [--secrets 300] [--sinks 2] [--json]
import { parseArgs } from "node:util";
import { mostWithin, pathsOf, say, startSinkStack } from "./sink-stack.ts";

/** Azure's ceiling, creates a second and subscription and region. */
const CEILING = 150;
/** Commands in hand per lane: the sink's own default. */
const CONCURRENCY = 16;
const { values: options } = parseArgs({
  options: {
    vaults: { type: "string", default: "6" },
    secrets: { type: "string", default: "300" },
    sinks: { type: "string", default: "2" },
    json: { type: "boolean", default: false },
  },
});
const perVault = Number(options.secrets);
const vaults = Array.from({ length: Number(options.vaults) }, (_, index) => `bench-group-${index}`);
const total = perVault * vaults.length;

await using bench = await startSinkStack("azure");
// Sinks that run already, as they do where a vault is added: their first second is not what is measured.
await bench.startWarm(Number(options.sinks), CONCURRENCY, "warm");
say(`associating ${total} secrets`);
for (const vault of vaults) {
  await bench.destination(vault, { rate_group: "bench" });
  await bench.pause(vault);
  await bench.write(pathsOf(vault, perVault));
  await bench.rule(vault, `${vault}-`);
}
await bench.backlog(total, { prefix: "bench-group-", version: 1, lane: "bulk" });
await bench.stopDetector();
for (const vault of vaults) await bench.resume(vault);
const times = await bench.setTimes(vaults, total);
const logs = await Promise.all(vaults.map((vault) => bench.log(vault)));
const requests = logs.flatMap((log) => log.requests);
const seconds = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1_000;
const ends = logs.map(({ effects }) => Math.max(...effects.map(({ wallMs }) => wallMs)));
const shared = times.filter((time) => time <= Math.min(...ends));
const figures = {
  vaults: vaults.length,
  secrets: total,
  seconds,
  /** While all vaults had work: one that is alone at the end has no more than its own limit. */
  perSecond: ((shared.length - 1) * 1_000) / ((shared.at(-1) ?? 0) - (shared[0] ?? 0)),
  /** Against n / 150 s. */
  ratio: seconds / (total / CEILING),
  throttled: requests.filter(({ status }) => status === 429).length,
  calls: requests.length,
  /** Creates in the fullest 10 s: the group's limit is 1,500. */
  fullest: mostWithin(times, 10_000),
  /** From the first vault that had all to the last: 0 where they share evenly. */
  apartS: (Math.max(...ends) - Math.min(...ends)) / 1_000,
};
process.stdout.write(
  options.json
    ? `${JSON.stringify(figures)}\n`
    : `${total} secrets into ${vaults.length} vaults of one group: ${seconds.toFixed(1)} s, ${figures.perSecond.toFixed(0)}/s of ${CEILING}, ` +
        `${figures.throttled} of ${figures.calls} calls answered 429, ${figures.fullest} creates in the fullest 10 s, ends ${figures.apartS.toFixed(1)} s apart\n`,
);
