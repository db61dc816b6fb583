// Owns: how answers are shown: as a table for people, as JSON or YAML for programs. Does not own: what is shown.

import Table from "cli-table3";
import { stringify } from "yaml";
import type { Sink } from "./io.ts";

export const FORMATS = ["table", "json", "yaml"] as const;
export type Format = (typeof FORMATS)[number];

/** Prints `data` as it is, or what `text` makes of it for people. */
export function show(stdout: Sink, format: Format, data: unknown, text: () => string): void {
  switch (format) {
    case "json":
      stdout.write(`${JSON.stringify(data, null, 2)}\n`);
      return;
    case "yaml":
      stdout.write(stringify(data));
      return;
    case "table":
      stdout.write(withEnd(text()));
  }
}

function withEnd(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}

// Columns by blanks alone, so that a line can be cut with awk and pasted into an issue.
const BARE = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  ",
};

/** A table with a head, columns as wide as they have to be. */
export function tableOf(head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const table = new Table({
    head: head.map((title) => title.toUpperCase()),
    chars: BARE,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0, compact: true },
  });
  for (const row of rows) table.push(row.map(cell));
  return trimmed(table.toString());
}

/** Names and values, one a line. */
export function factsOf(facts: readonly (readonly [string, unknown])[]): string {
  const table = new Table({
    chars: BARE,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0, compact: true },
  });
  for (const [name, value] of facts) {
    if (value !== undefined) table.push([name, cell(value)]);
  }
  return trimmed(table.toString());
}

function trimmed(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

// Control characters in a secret's path or a server's words must not move the cursor of whoever reads them.
function cell(value: unknown): string {
  if (value === undefined || value === null || value === "") return "-";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.replaceAll(/\p{Cc}/gu, "?");
}

/** `1h 3m` of milliseconds; the two largest units. */
export function durationText(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1_000);
  if (Math.abs(ms) < 1_000) return `${Math.round(Math.abs(ms))}ms`;
  const units: readonly (readonly [string, number])[] = [
    ["d", 86_400],
    ["h", 3_600],
    ["m", 60],
    ["s", 1],
  ];
  const parts: string[] = [];
  let left = seconds;
  for (const [unit, size] of units) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0 && parts.length < 2) parts.push(`${count}${unit}`);
  }
  return parts.join(" ");
}

/** `2m ago` of an ISO time. */
export function agoText(time: unknown, now: number): string {
  if (typeof time !== "string" || Number.isNaN(Date.parse(time))) return "-";
  return `${durationText(now - Date.parse(time))} ago`;
}
