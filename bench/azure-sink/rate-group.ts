// How vaults of one rate group share Azure's limit of a subscription and region (1,500 creates in any 10 s), which is
// five times a vault's. With six vaults it binds before the vaults' own.
// Run: node bench/azure-sink/rate-group.ts [--vaults 6] [--secrets 150] [--sinks 2] [--json]
import { parseArgs } from "node:util";
import { pathsOf, startSinkStack } from "./sink-stack.ts";

/** Azure's ceiling, creates a second and subscription and region. */
const CEILING = 150;
const { values: options } = parseArgs({
  options: {
    vaults: { type: "string", default: "6" },
    secrets: { type: "string", default: "150" },
    sinks: { type: "string", default: "2" },
    json: { type: "boolean", default: false },
  },
});
const perVault = Number(options.secrets);
const vaults = Array.from({ length: Number(options.vaults) }, (_, index) => `bench-group-${index}`);
const total = perVault * vaults.length;

await using bench = await startSinkStack("azure");
for (const vault of vaults) await bench.associate(vault, pathsOf(vault, perVault), { rate_group: "bench" });
await bench.backlog(total, 1);
await Promise.all(Array.from({ length: Number(options.sinks) }, () => bench.startSink(16)));
const times = await bench.setTimes(vaults, total);
const logs = await Promise.all(vaults.map((vault) => bench.log(vault)));
const requests = logs.flatMap((log) => log.requests);
const seconds = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1_000;
const ends = logs.map(({ effects }) => Math.max(...effects.map(({ wallMs }) => wallMs)));
const figures = {
  vaults: vaults.length,
  secrets: total,
  seconds,
  perSecond: (times.length - 1) / seconds,
  /** Against n / 150 s. */
  ratio: seconds / (total / CEILING),
  throttled: requests.filter(({ status }) => status === 429).length,
  calls: requests.length,
  /** From the first vault that had all to the last: 0 where they share evenly. */
  apartS: (Math.max(...ends) - Math.min(...ends)) / 1_000,
};
process.stdout.write(
  options.json
    ? `${JSON.stringify(figures)}\n`
    : `${total} secrets into ${vaults.length} vaults of one group: ${seconds.toFixed(1)} s, ${figures.perSecond.toFixed(0)}/s of ${CEILING}, ` +
        `${figures.throttled} of ${figures.calls} calls answered 429, ends ${figures.apartS.toFixed(1)} s apart\n`,
);
