import type { Metrics } from "@keyferry/service";
import { LATENCY_BUCKETS_S } from "@keyferry/service";

/** The sink's figures, by name; docs/reference/metrics.md is made from them. */
export function sinkMetrics(metrics: Metrics) {
  return {
    writes: metrics.counter({
      name: "keyferry_sink_writes_total",
      help: "Writes that Key Vault took, by kind of write.",
      labels: ["action"],
    }),
    outcomes: metrics.counter({
      name: "keyferry_sink_outcomes_total",
      help: "Commands consumed, by outcome.",
      labels: ["outcome"],
    }),
    failures: metrics.counter({
      name: "keyferry_sink_failures_total",
      help: "Failed attempts, by error code.",
      labels: ["code"],
    }),
    repeats: metrics.counter({
      name: "keyferry_sink_repeats_total",
      help: "Commands dropped because they were consumed before, or because a newer one exists.",
      labels: ["why"],
    }),
    unfinished: metrics.counter({
      name: "keyferry_sink_unfinished_attempts_total",
      help: "Attempts whose end was looked up in Key Vault, by whether the write had landed.",
      labels: ["landed"],
    }),
    lateWrites: metrics.counter({
      name: "keyferry_sink_late_writes_total",
      help: "Writes that took effect after their time and were repaired, by kind of write.",
      labels: ["action"],
    }),
    driftChecks: metrics.counter({
      name: "keyferry_sink_drift_checks_total",
      help: "Looks at a whole vault, by how they ended.",
      labels: ["end"],
    }),
    driftFindings: metrics.counter({
      name: "keyferry_sink_drift_findings_total",
      help: "External secrets that were not as they were written, by kind and by what was done.",
      labels: ["kind", "action"],
    }),
    keyVaultCalls: metrics.counter({
      name: "keyferry_sink_key_vault_calls_total",
      help: "Answers of Key Vault, by vault; those with status 429 are what a limit refused.",
      labels: ["vault", "method", "status"],
    }),
    commandAge: metrics.histogram({
      name: "keyferry_sink_command_to_outcome_seconds",
      help: "From a command's publication to the end of its first attempts, by lane.",
      labels: ["lane"],
      buckets: LATENCY_BUCKETS_S,
    }),
    latency: metrics.histogram({
      name: "keyferry_sync_latency_seconds",
      help: "From the commit at the source, where it is known, to Key Vault's answer.",
      labels: [],
      buckets: LATENCY_BUCKETS_S,
    }),
  };
}

export type SinkMetrics = ReturnType<typeof sinkMetrics>;
