// Owns: `keyferry events`: what happens, as it happens.

import { type Adder, type Context, examples, reading, wholeNumber } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { Failure } from "../failure.ts";
import { parseDestination } from "../parse/names.ts";
import { listOf, textOf } from "../rows.ts";
import { entriesTable, entryRow, secretQuery } from "./history.ts";

interface Options {
  readonly follow?: true;
  readonly destination?: string;
  readonly mount?: string;
  readonly count?: number;
}

const WAIT_S = 8;
const RETRY_MS = 2_000;
const LIMIT = 20;

/** Adds the command. */
export function addEvents({ program, act }: Adder): void {
  program
    .command("events")
    .description("Shows the last changes and outcomes; with --follow each one as it happens, until Ctrl-C")
    .argument("[secret]", "MOUNT/PATH: this secret alone")
    .option("-f, --follow", "wait for what comes, one line each; with -o json one object a line")
    .option("-d, --destination <name>", "outcomes of this destination alone", reading(parseDestination))
    .option("--mount <path>", "where a mount's path has slashes: the mount of the secret")
    .option("--count <number>", "end after so many lines", wholeNumber(1, 1_000_000))
    .addHelpText(
      "after",
      examples(
        ["keyferry events --follow", "everything, live"],
        ["keyferry events -f my-kv/app/db", "one secret, while you change it"],
        ["keyferry events -f -o json | jq -c 'select(.error)'", "failures, live"],
      ),
    )
    .action(act<Options>(events));
}

async function events(context: Context, options: Options, [given]: readonly string[]): Promise<ExitCode> {
  const query = { ...secretQuery(given, options.mount), destination: options.destination };
  if (options.follow === true) return follow(context, options, query);
  const data = await context.api.call("GET", "sys/sync/history", {
    query: { ...query, limit: options.count ?? LIMIT },
  });
  const entries = listOf(data, "entries");
  context.show(data, () => (entries.length === 0 ? "Nothing happened lately." : entriesTable(entries)));
  return EXIT.done;
}

async function follow(
  { api, io, format, note }: Context,
  { count = Number.POSITIVE_INFINITY }: Options,
  query: Readonly<Record<string, string | undefined>>,
): Promise<ExitCode> {
  let after: string | undefined;
  let shown = 0;
  let isAway = false;
  while (!io.signal.aborted && shown < count) {
    try {
      const asked = after === undefined ? query : { ...query, after, wait_s: WAIT_S };
      const data = await api.call("GET", "sys/sync/history/feed", { query: asked });
      if (after === undefined) note("Following. Ctrl-C ends it.");
      if (isAway) note("It answers again.");
      isAway = false;
      after = textOf(data, "cursor");
      for (const entry of listOf(data, "entries")) {
        if (shown >= count) break;
        io.stdout.write(
          `${format === "table" ? entryRow(entry).map(plain).join("  ") : JSON.stringify(entry)}\n`,
        );
        shown += 1;
      }
    } catch (error) {
      if (io.signal.aborted) break;
      // The feed goes on where it was once the part that is down is back.
      if (!(error instanceof Failure) || error.exitCode !== EXIT.away || after === undefined) throw error;
      if (!isAway) note(`${error.message}; waiting for it`);
      isAway = true;
      await io.sleep(RETRY_MS);
    }
  }
  return io.signal.aborted ? EXIT.interrupted : EXIT.done;
}

function plain(cell: unknown): string {
  if (cell === undefined || cell === null) return "-";
  return (typeof cell === "string" ? cell : JSON.stringify(cell)).replaceAll(/\p{Cc}/gu, "?");
}
