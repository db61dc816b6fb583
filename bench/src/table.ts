// Owns: the result as a table, for the terminal and for docs/benchmarks. Pure.

import { type Figure, isReached, ratioOf } from "./figure.ts";
import type { BenchResult, PartResult } from "./result.ts";

const HEAD = ["benchmark", "figure", "value", "baseline", "ratio", "to reach", "", "spread", "load"];

/** Rows of cells, the head first. */
export function rowsOf({ parts }: BenchResult): readonly (readonly string[])[] {
  return [
    HEAD,
    ...parts.flatMap((part) =>
      part.failure === undefined ? figureRows(part) : [failureRow(part), ...figureRows(part)],
    ),
  ];
}

/** As Markdown. */
export function toMarkdownTable(result: BenchResult): string {
  const [head = [], ...rows] = rowsOf(result);
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** For a terminal. */
export function toText(result: BenchResult): string {
  const rows = rowsOf(result);
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function figureRows(part: PartResult): readonly (readonly string[])[] {
  return part.figures.map((figure) => {
    const { what, unit, value, baseline, spread, runs } = figure;
    return [
      part.name,
      what,
      `${short(value)} ${unit}`.trim(),
      baseline === undefined ? "" : `${short(baseline.value)} (${baseline.what})`,
      baseline === undefined ? "" : ratioOf(figure).toFixed(3),
      aimText(figure),
      verdict(figure),
      runs > 1 ? `${short(spread[0])} to ${short(spread[1])}, ${runs} runs` : "1 run",
      part.loadAverage.toFixed(1),
    ];
  });
}

function failureRow({ name, failure, loadAverage }: PartResult): readonly string[] {
  return [name, failure ?? "", "", "", "", "", "not measured", "", loadAverage.toFixed(1)];
}

function aimText({ aim }: Figure): string {
  if (aim === undefined) return "";
  return `${aim.is === "at-most" ? "≤" : "≥"} ${short(aim.limit)}`;
}

function verdict(figure: Figure): string {
  const reached = isReached(figure);
  return reached === undefined ? "" : reached ? "reached" : "**missed**";
}

function short(value: number): string {
  const magnitude = Math.abs(value);
  return value.toFixed(magnitude >= 100 || Number.isInteger(value) ? 0 : magnitude >= 10 ? 1 : 3);
}
