// Owns: `keyferry history`: what changed, when, and how it ended.

import type { Data } from "../api-client.ts";
import { type Adder, type Context, examples, reading, wholeNumber } from "../command.ts";
import { durationText, tableOf } from "../output.ts";
import { parseDestination, parseSecret } from "../parse/names.ts";
import { parseTime } from "../parse/time.ts";
import { listOf, textOf } from "../rows.ts";

export interface HistoryOptions {
  readonly destination?: string;
  readonly mount?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
}

const LIMIT = 50;
const LIMIT_MAX = 1_000;

/** Adds the command. */
export function addHistory({ program, act }: Adder): void {
  program
    .command("history")
    .description("Lists what changed at the source and how it ended in Key Vault, oldest first")
    .argument("[secret]", "MOUNT/PATH: this secret alone")
    .option("-d, --destination <name>", "outcomes of this destination alone", reading(parseDestination))
    .option("--mount <path>", "where a mount's path has slashes: the mount of the secret")
    .option(
      "--since <time>",
      "ISO 8601, or how long ago, as 2h (default: a day; for one secret everything kept)",
    )
    .option("--until <time>", "ISO 8601, or how long ago")
    .option("-n, --limit <number>", "the newest so many", wholeNumber(1, LIMIT_MAX), LIMIT)
    .addHelpText(
      "after",
      examples(
        ["keyferry history my-kv/app/db", "all that is kept of one secret"],
        ["keyferry history --since 2h -d kv-prod", "what a destination got lately"],
        ["keyferry history --since 1h -o json | jq '.entries[] | select(.error)'", "what failed"],
      ),
    )
    .action(act<HistoryOptions>(history));
}

async function history(
  { api, io, show, note }: Context,
  options: HistoryOptions,
  [given]: readonly string[],
) {
  const now = io.now();
  const secret = secretQuery(given, options.mount);
  const data = await api.call("GET", "sys/sync/history", {
    query: {
      ...secret,
      destination: options.destination,
      since: options.since === undefined ? undefined : parseTime(options.since, now),
      until: options.until === undefined ? undefined : parseTime(options.until, now),
      limit: options.limit,
    },
  });
  const entries = listOf(data, "entries");
  // Of a secret that is not known there is a word on it, which an empty list would not be.
  if (entries.length === 0 && given !== undefined) {
    await api.call("GET", "sys/sync/status/secret", { query: secret });
  }
  show(data, () => (entries.length === 0 ? "Nothing happened in this time." : entriesTable(entries)));
  if (data["complete"] === false)
    note(`The newest ${entries.length} are shown: --limit or --since shows others.`);
}

/** The query for a secret as it is given. */
export function secretQuery(given: string | undefined, mount: string | undefined) {
  if (given === undefined) return {};
  const secret = parseSecret(given, mount);
  return { mount: secret.mount, secret_name: secret.path };
}

/** Entries as a table. */
export function entriesTable(entries: readonly Data[]): string {
  return tableOf(
    ["at", "secret", "destination", "what", "version", "latency", "error"],
    entries.map(entryRow),
  );
}

/** One entry's cells. */
export function entryRow(entry: Data): readonly unknown[] {
  const latency = entry["latency_ms"];
  const via = textOf(entry, "via");
  const what = `${textOf(entry, "what") ?? ""}${via === undefined ? "" : ` (${via})`}${entry["wrote"] === false ? " (nothing to write)" : ""}`;
  return [
    textOf(entry, "at"),
    textOf(entry, "secret"),
    textOf(entry, "destination"),
    what,
    entry["version"],
    typeof latency === "number" ? durationText(latency) : "-",
    textOf(entry, "error"),
  ];
}
