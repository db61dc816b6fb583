// Owns: docs/reference/metrics.md, from the metrics that the services register.
import type { MetricFacts, Metrics } from "@keyferry/service";
import { silentLogger } from "@keyferry/ports";
import { createEvents, createFigures } from "@keyferry/association-service";
import { sinkMetrics } from "@keyferry/azure-sink";
import { createDetectorMetrics } from "@keyferry/change-detector";

interface Row {
  readonly service: string;
  readonly kind: string;
  readonly name: string;
  readonly labels: readonly string[];
  readonly help: string;
}

/** A registry that only writes down what is registered. */
function listing(service: string, rows: Row[]): Metrics {
  const note = (kind: string, { name, help, labels = [] }: MetricFacts<string>): void => {
    rows.push({ service, kind, name, labels, help });
  };
  return {
    counter(facts) {
      note("counter", facts);
      return { add: () => undefined };
    },
    gauge(facts) {
      note("gauge", facts);
      return { set: () => undefined, remove: () => undefined };
    },
    histogram(facts) {
      note("histogram", facts);
      return { observe: () => undefined };
    },
    page: async () => ({ text: "", contentType: "" }),
  };
}

/** The page as markdown, before the formatter has aligned it. */
export function renderMetricsPage(): string {
  const rows: Row[] = [];
  createDetectorMetrics(listing("change-detector", rows));
  createEvents(silentLogger, listing("association-service", rows));
  createFigures(listing("association-service", rows));
  sinkMetrics(listing("azure-sink", rows));
  const lines = rows.map(({ service, kind, name, labels, help }) => {
    const shown = labels.map((label) => `\`${label}\``).join(", ");
    return `| \`${name}\` | ${kind} | ${shown} | ${service} | ${help} |`;
  });
  return [
    "# Metrics",
    "",
    "<!-- Generated from the metrics that the services register, by `npm run reference`. Do not edit. -->",
    "",
    "Each service serves these at `/metrics`, beside the process's own figures. Labels have few values: never a path or a name.",
    "",
    "| metric | kind | labels | service | what it tells |",
    "|---|---|---|---|---|",
    ...lines,
    "",
  ].join("\n");
}
