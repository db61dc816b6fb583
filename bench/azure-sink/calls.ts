// Key Vault calls per change of a secret whose name is ours: one write and no read (P4).
// Run: node bench/azure-sink/calls.ts [--secrets 50] [--changes 4] [--json]
import { parseArgs } from "node:util";
import { pathsOf, startSinkStack } from "./sink-stack.ts";

const VAULT = "bench-calls";
const { values: options } = parseArgs({
  options: {
    secrets: { type: "string", default: "50" },
    changes: { type: "string", default: "4" },
    json: { type: "boolean", default: false },
  },
});
const secrets = Number(options.secrets);
const changes = Number(options.changes);

await using bench = await startSinkStack("off");
const paths = pathsOf("calls", secrets);
await bench.associate(VAULT, paths);
await bench.backlog(secrets, { prefix: "calls-", version: 1 });
await bench.startSink(16);
await bench.setTimes([VAULT], secrets);
const before = (await bench.log(VAULT)).requests.length;
for (let change = 1; change <= changes; change += 1) {
  await bench.write(paths);
  await bench.setTimes([VAULT], secrets * (change + 1));
}
const counts: Record<string, number> = {};
for (const { operation } of (await bench.log(VAULT)).requests.slice(before)) {
  counts[operation] = (counts[operation] ?? 0) + 1;
}
const total = secrets * changes;
const writesPerChange = (counts["set"] ?? 0) / total;
const othersPerChange =
  Object.entries(counts).reduce((sum, [name, n]) => (name === "set" ? sum : sum + n), 0) / total;
if (options.json) {
  process.stdout.write(`${JSON.stringify({ changes: total, counts, writesPerChange, othersPerChange })}\n`);
} else {
  process.stdout.write(
    [
      "| changes | writes per change | other calls per change |",
      "| ---: | ---: | ---: |",
      `| ${total} | ${writesPerChange.toFixed(3)} | ${othersPerChange.toFixed(3)} |`,
      "To reach: 1 and 0.\n",
    ].join("\n"),
  );
}
