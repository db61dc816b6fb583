// Owns: the names of the detector's metrics and of their labels. Labels take few values: never a path or a key.
import {
  type CounterMetric,
  type GaugeMetric,
  type HistogramMetric,
  LATENCY_BUCKETS_S,
  type Metrics,
} from "@keyferry/service";

const SWEEP_BUCKETS_S = [0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];

export interface DetectorMetrics {
  readonly published: CounterMetric<"via">;
  readonly overtaken: CounterMetric<never>;
  readonly hints: CounterMetric<"channel">;
  readonly lastHint: GaugeMetric<"channel">;
  readonly gaps: CounterMetric<"channel">;
  readonly held: CounterMetric<"why">;
  readonly lookFailures: CounterMetric<"code">;
  readonly hintToEvent: HistogramMetric<never>;
  readonly commitToEvent: HistogramMetric<never>;
  readonly sweepDuration: HistogramMetric<never>;
  readonly lastSweep: GaugeMetric<never>;
  readonly sweepFailures: CounterMetric<"code">;
  readonly secretsKnown: GaugeMetric<never>;
  readonly waiting: GaugeMetric<"for">;
  readonly active: GaugeMetric<never>;
  readonly takeOvers: CounterMetric<never>;
}

/** Registers them; once per `Metrics`. */
export function createDetectorMetrics(metrics: Metrics): DetectorMetrics {
  return {
    published: metrics.counter({
      name: "keyferry_detector_events_total",
      help: "Version events published, by what made the detector look",
      labels: ["via"],
    }),
    overtaken: metrics.counter({
      name: "keyferry_detector_overtaken_total",
      help: "Observations thrown away because a newer event of the secret was published meanwhile",
    }),
    hints: metrics.counter({
      name: "keyferry_detector_hints_total",
      help: "Hints received, by channel",
      labels: ["channel"],
    }),
    lastHint: metrics.gauge({
      name: "keyferry_detector_last_hint_timestamp_seconds",
      help: "When the last hint of a channel arrived, seconds since 1970",
      labels: ["channel"],
    }),
    gaps: metrics.counter({
      name: "keyferry_detector_hint_gaps_total",
      help: "Times that hints of a channel may have been missed, each followed by a sweep",
      labels: ["channel"],
    }),
    held: metrics.counter({
      name: "keyferry_detector_held_total",
      help: "Looks and sweeps that were not acted upon, by reason; a person has to look",
      labels: ["why"],
    }),
    lookFailures: metrics.counter({
      name: "keyferry_detector_look_failures_total",
      help: "Looks at one secret that failed and are tried again, by error code",
      labels: ["code"],
    }),
    hintToEvent: metrics.histogram({
      name: "keyferry_detector_hint_to_event_seconds",
      help: "From the arrival of a hint to the published event",
      buckets: LATENCY_BUCKETS_S,
    }),
    commitToEvent: metrics.histogram({
      name: "keyferry_detector_commit_to_event_seconds",
      help: "From the source's commit, by its clock, to the published event, where a hint told the commit",
      buckets: LATENCY_BUCKETS_S,
    }),
    sweepDuration: metrics.histogram({
      name: "keyferry_detector_sweep_seconds",
      help: "Duration of a sweep of all mounts with associations",
      buckets: SWEEP_BUCKETS_S,
    }),
    lastSweep: metrics.gauge({
      name: "keyferry_detector_last_sweep_timestamp_seconds",
      help: "When the last sweep of everything ended, seconds since 1970",
    }),
    sweepFailures: metrics.counter({
      name: "keyferry_detector_sweep_failures_total",
      help: "Sweeps of a mount that failed and are tried again, by error code",
      labels: ["code"],
    }),
    secretsKnown: metrics.gauge({
      name: "keyferry_detector_secrets_known",
      help: "Secrets that the detector has published a state of, deleted ones included",
    }),
    active: metrics.gauge({
      name: "keyferry_detector_active",
      help: "1 while this process works for the source, 0 while it stands by",
    }),
    takeOvers: metrics.counter({
      name: "keyferry_detector_take_overs_total",
      help: "Times that this process took the work over from another",
    }),
    waiting: metrics.gauge({
      name: "keyferry_detector_waiting",
      help: "1 while a server is waited for",
      labels: ["for"],
    }),
  };
}
