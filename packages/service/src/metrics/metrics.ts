// Owns: counters, gauges and histograms, and the page that Prometheus reads. Does not own their names: those are
// constants of each app. prom-client's types stay in here.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

export interface MetricFacts<Label extends string> {
  /** As `keyferry_sink_puts_total`. */
  readonly name: string;
  readonly help: string;
  /** Few values each: a destination, never a path or a name (they are many, and sensitive). */
  readonly labels?: readonly Label[];
}

type Labels<Label extends string> = Readonly<Record<Label, string>>;

/** Goes up. */
export interface CounterMetric<Label extends string> {
  add(labels: Labels<Label>, by?: number): void;
}

/** Is what it was set to, or what it reads. */
export interface GaugeMetric<Label extends string> {
  set(labels: Labels<Label>, value: number): void;
  /** Forgets the labels' value, for what exists no more. */
  remove(labels: Labels<Label>): void;
}

/** Counts observations by size. */
export interface HistogramMetric<Label extends string> {
  observe(labels: Labels<Label>, value: number): void;
}

/** A process's metrics. */
export interface Metrics {
  counter<Label extends string = never>(facts: MetricFacts<Label>): CounterMetric<Label>;
  gauge<Label extends string = never>(facts: MetricFacts<Label>): GaugeMetric<Label>;
  histogram<Label extends string = never>(
    facts: MetricFacts<Label> & { readonly buckets: readonly number[] },
  ): HistogramMetric<Label>;
  /** The page, and its content type. */
  page(): Promise<{ text: string; contentType: string }>;
}

export interface MetricsOptions {
  readonly service: string;
  readonly version: string;
  /** Also the process's own figures (memory, event loop, handles). */
  readonly processFigures: boolean;
}

/** Buckets in seconds for what takes from a millisecond (a read from NATS) to a minute (a back-fill's queue). */
export const LATENCY_BUCKETS_S: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

/** Makes a process's metrics, in a registry of their own: several services can run in one process (the simulator). */
export function createMetrics({ service, version, processFigures }: MetricsOptions): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  if (processFigures) collectDefaultMetrics({ register: registry });
  new Gauge({
    name: "keyferry_build_info",
    help: "1, labelled with the version that runs",
    labelNames: ["version", "node"],
    registers: [registry],
  }).set({ version, node: process.version }, 1);
  return {
    counter(facts) {
      const counter = new Counter(optionsOf(facts, registry));
      if (facts.labels === undefined) counter.inc(0); // shows 0 before the first event, so that a rate has a start
      return { add: (labels, by = 1) => counter.inc({ ...labels }, by) };
    },
    gauge(facts) {
      const gauge = new Gauge(optionsOf(facts, registry));
      return {
        set: (labels, value) => gauge.set({ ...labels }, value),
        remove: (labels) => gauge.remove({ ...labels }),
      };
    },
    histogram(facts) {
      const histogram = new Histogram({ ...optionsOf(facts, registry), buckets: [...facts.buckets] });
      return { observe: (labels, value) => histogram.observe({ ...labels }, value) };
    },
    page: async () => ({ text: await registry.metrics(), contentType: registry.contentType }),
  };
}

function optionsOf<Label extends string>({ name, help, labels }: MetricFacts<Label>, registry: Registry) {
  return { name, help, labelNames: [...(labels ?? [])], registers: [registry] };
}
