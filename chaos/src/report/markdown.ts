// Owns: the report as a person reads it. Pure.

import type { ChaosReport } from "./report.ts";

export function toMarkdown(report: ChaosReport): string {
  const { verdicts, faults, load, latency, availability, machine } = report;
  const verdictRows = verdicts.map(
    ({ promise, says, holds, counts }) =>
      `| ${promise} | ${says} | ${holds ? "holds" : "**BREACH**"} | ${list(counts)} |`,
  );
  const breaches = verdicts.flatMap((one) => one.breaches.map((text) => `- ${one.promise}: ${text}`));
  const lines = [
    `# Fault run, seed ${report.seed}, ${report.minutes} minutes`,
    "",
    `${report.startedAt}; ${machine.cpus} × ${machine.cpu}, load average at start ${machine.loadAverage.toFixed(1)}; Node ${machine.node}.`,
    `Repeat: \`npm run chaos -- --minutes ${report.minutes} --seed ${report.seed}\`.`,
    "",
    `**${verdicts.every(({ holds }) => holds) ? "No breach." : "Breached."}** ${convergence(report)}`,
    "",
    "## Promises",
    "",
    "| | promise | | counts |",
    "| --- | --- | --- | --- |",
    ...verdictRows,
    "",
    ...(breaches.length === 0 ? [] : ["### What is wrong", "", ...breaches, ""]),
    "## Load",
    "",
    `${load.secrets} secrets under load and ${load.bulkSecrets} rewritten in bursts, in ${load.vaults} vaults; ${list(load.changes)}.`,
    `Calls refused or unanswered: source ${load.refused.source}, API ${load.refused.api} (each was repeated until taken, or its outcome was looked up).`,
    "",
    "## Faults",
    "",
    "| fault | times | longest, s |",
    "| --- | ---: | ---: |",
    ...faults.byKind.map(
      ({ kind, times, longestMs }) => `| ${kind} | ${times} | ${(longestMs / 1_000).toFixed(1)} |`,
    ),
    "",
    `${faults.done} in all; ${faults.trouble.length} could not be done as meant. Ended by themselves and started again: ${list(report.crashes)}.`,
    ...faults.trouble.map((text) => `- ${text}`),
    "",
    "## From the source's answer to the version in Key Vault",
    "",
    "| | versions | p50, ms | p99, ms | longest, ms |",
    "| --- | ---: | ---: | ---: | ---: |",
    ...(["before", "during", "after"] as const).map((phase) => {
      const { count, p50Ms, p99Ms, maxMs } = latency[phase];
      return `| ${phase} | ${count} | ${p50Ms} | ${p99Ms} | ${maxMs} |`;
    }),
    "",
    "`during` holds what a burst queued too, which Azure's limit lets out at 30 a second.",
    "",
    "## Longest unavailability",
    "",
    "| | longest, s |",
    "| --- | ---: |",
    `| API: neither association-service answered | ${(availability.api.longestMs / 1_000).toFixed(1)} |`,
    `| source (OpenBao itself; faults of ours) | ${(availability.source.longestMs / 1_000).toFixed(1)} |`,
    `| synchronisation: something waited and nothing arrived | ${(availability.standstillMs / 1_000).toFixed(1)} |`,
    "",
  ];
  return lines.join("\n");
}

function convergence({ convergedAfterMs }: ChaosReport): string {
  if (convergedAfterMs === undefined) return "It did not converge in the time given.";
  return `Converged ${(convergedAfterMs / 1_000).toFixed(1)} s after the last fault was healed.`;
}

function list(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return parts.length === 0 ? "none" : parts.join(", ");
}
