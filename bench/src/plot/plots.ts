// Owns: which charts are drawn from a result; one whose benchmark was not run is left out. Pure.

import type { BenchResult } from "../result.ts";
import { type Chart, drawChart } from "./svg.ts";

/** SVG documents by file name. */
export function plotsOf(result: BenchResult): ReadonlyMap<string, string> {
  const printedBy = new Map(result.parts.map(({ name, printed }) => [name, printed]));
  const charts: [string, Chart | undefined][] = [
    ["latency.svg", latencyChart(printedBy.get("latency"))],
    ["back-fill.svg", backFillChart(printedBy.get("back-fill"))],
    ["memory.svg", memoryChart(result)],
  ];
  return new Map(
    charts.flatMap(([file, chart]) => (chart === undefined ? [] : [[file, drawChart(chart)] as const])),
  );
}

interface LatencyPrinted {
  readonly keyferry: { readonly latenciesMs: readonly number[] };
  readonly bare: { readonly latenciesMs: readonly number[] };
}

function latencyChart(printed: readonly unknown[] | undefined): Chart | undefined {
  if (printed === undefined || printed.length === 0) return undefined;
  const runs = printed as readonly LatencyPrinted[];
  const all = (pick: (run: LatencyPrinted) => readonly number[]): readonly number[] =>
    runs.flatMap(pick).toSorted((a, b) => a - b);
  const distribution = (sorted: readonly number[]): readonly (readonly [number, number])[] =>
    sorted.map((ms, index) => [Math.max(ms, 1), ((index + 1) * 100) / sorted.length]);
  return {
    title: "From the commit at the source to the version in Key Vault, 20 changes a second",
    x: { label: "ms", scale: "log" },
    y: { label: "% of changes that had arrived" },
    lines: [
      { name: "Keyferry", points: distribution(all(({ keyferry }) => keyferry.latenciesMs)) },
      { name: "bare script", points: distribution(all(({ bare }) => bare.latenciesMs)) },
    ],
  };
}

interface BackFillPrinted {
  readonly secrets: number;
  readonly rows: readonly {
    readonly sinks: number;
    readonly curve: readonly (readonly [number, number])[];
  }[];
}

function backFillChart(printed: readonly unknown[] | undefined): Chart | undefined {
  const last = printed?.at(-1) as BackFillPrinted | undefined;
  if (last === undefined) return undefined;
  return {
    title: `Back-fill of ${last.secrets} secrets into one vault under Azure's limits`,
    x: { label: "s" },
    y: { label: "secrets in the vault" },
    lines: [
      ...last.rows.map(({ sinks, curve }) => ({
        name: `${sinks} ${sinks === 1 ? "sink" : "sinks"}`,
        points: curve,
      })),
      {
        name: "30 a second, Azure's limit",
        points: [
          [0, 0],
          [last.secrets / 30, last.secrets],
        ],
        isLimit: true,
      },
    ],
  };
}

function memoryChart(result: BenchResult): Chart | undefined {
  const sweeps = result.parts.flatMap(({ name, printed }) =>
    name.startsWith("sweep-")
      ? (printed as readonly { sweep: { secrets: number; rssMb: number; rssToReachMb: number } }[]).map(
          ({ sweep }) => sweep,
        )
      : [],
  );
  if (sweeps.length < 2) return undefined;
  const resolver = result.parts.flatMap(({ name, printed }) =>
    name.startsWith("api")
      ? (printed as readonly { memory: { associations: number; rssMb: number } }[]).map(
          ({ memory }) => memory,
        )
      : [],
  );
  return {
    title: "Memory against secrets",
    x: { label: "secrets (detector), associations (resolver)", scale: "log" },
    y: { label: "resident memory, MB" },
    lines: [
      { name: "change-detector", points: sweeps.map(({ secrets, rssMb }) => [secrets, rssMb]) },
      ...(resolver.length === 0
        ? []
        : [
            {
              name: "association-service",
              points: resolver.map(({ associations, rssMb }) => [associations, rssMb] as const),
            },
          ]),
      {
        name: "150 MB + 1 KB a secret",
        points: sweeps.map(({ secrets, rssToReachMb }) => [secrets, rssToReachMb]),
        isLimit: true,
      },
    ],
  };
}
