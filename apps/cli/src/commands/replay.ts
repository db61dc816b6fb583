// Owns: `keyferry replay`, and how a replay or resync is asked for.

import type { Data } from "../api-client.ts";
import { type Adder, type Context, examples, reading, wholeNumber } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { tableOf } from "../output.ts";
import { parseDestination, parseGlob } from "../parse/names.ts";
import { parseTime } from "../parse/time.ts";
import { listOf, numberOf, partOf, textOf } from "../rows.ts";
import { operationText, waitFor } from "./operations.ts";

export interface SelectionOptions {
  readonly destination?: string;
  readonly mount?: string;
  readonly path?: string;
  readonly rate?: number;
  readonly dryRun?: true;
  readonly detach?: true;
}

interface ReplayOptions extends SelectionOptions {
  readonly since: string;
  readonly until?: string;
}

const RATE_MAX = 5_000;

/** Adds the command. */
export function addReplay({ program, act }: Adder): void {
  const command = program
    .command("replay")
    .description(
      "Goes through every secret that changed since a time, and orders what is not as it should be",
    )
    .requiredOption("--since <time>", "ISO 8601 with a zone, or how long ago, as 2h")
    .option("--until <time>", "ISO 8601 with a zone, or how long ago");
  withSelection(command)
    .addHelpText(
      "after",
      `
For recovery: after NATS or Redis lost data, or a vault was restored. Each secret is resolved against the associations
of today, so nothing goes back to an older state, and what is right already costs nothing. The server does the work:
Ctrl-C leaves it running, \`keyferry operations\` shows it. A time before the event log begins is refused: use resync.
${examples(
  ["keyferry replay --since 2h --dry-run", "what would be ordered"],
  ["keyferry replay --since 2026-01-31T12:00:00Z -d kv-prod", "one destination"],
  ["keyferry replay --since 1d --mount my-kv --path 'app/**' --detach", "do not wait for it"],
)}`,
    )
    .action(act<ReplayOptions>(replay));
}

/** The options that narrow a replay or resync. */
export function withSelection<C extends { option(...args: never[]): C }>(command: C): C {
  const option = command.option.bind(command) as (
    flags: string,
    what: string,
    parse?: (text: string) => unknown,
  ) => C;
  option("-d, --destination <name>", "this destination alone", reading(parseDestination));
  option("--mount <path>", "secrets of this mount alone");
  option(
    "--path <glob>",
    "secrets whose path matches: * within a part, ** across, ? one character",
    reading(parseGlob),
  );
  option("--rate <number>", "secrets looked at a second (default 500)", wholeNumber(1, RATE_MAX));
  option("--dry-run", "only show what would be ordered");
  option("--detach", "do not wait for its end");
  return command;
}

function replay(context: Context, options: ReplayOptions): Promise<ExitCode> {
  const now = context.io.now();
  const span = {
    since: parseTime(options.since, now),
    ...(options.until === undefined ? {} : { until: parseTime(options.until, now) }),
  };
  return startOrRehearse(context, "replay", options, span);
}

/** Asks for a replay or resync as the options say. */
export async function startOrRehearse(
  context: Context,
  kind: "replay" | "resync",
  { destination, mount, path, rate, dryRun, detach }: SelectionOptions,
  span: Data,
): Promise<ExitCode> {
  const { api, note } = context;
  const body = {
    ...span,
    ...(destination === undefined ? {} : { destination }),
    ...(mount === undefined ? {} : { mount }),
    ...(path === undefined ? {} : { path }),
    ...(rate === undefined ? {} : { per_second: rate }),
  };
  if (dryRun === true) {
    const data = await api.call("PUT", `sys/sync/plan/${kind}`, { body });
    context.show(data, () => rehearsalText(data));
    return EXIT.done;
  }
  const data = await api.call("PUT", `sys/sync/operations/${kind}`, { body });
  const id = textOf(data, "id") ?? "";
  if (detach === true) {
    context.show(data, () => operationText(data));
    return EXIT.done;
  }
  if (context.format === "table") note(`Operation ${id} runs on the server; Ctrl-C leaves it running.`);
  return waitFor(context, id);
}

function rehearsalText(data: Data): string {
  const counts = partOf(data, "counts");
  const changes = listOf(data, "changes");
  const summary = `${numberOf(data, "pairs")} looked at: ${numberOf(counts, "sync")} would be synced, ${numberOf(counts, "unsync")} unsynced, ${numberOf(counts, "hold")} held, ${numberOf(counts, "ask")} asked for, ${numberOf(counts, "nothing")} left as they are. Nothing was ordered.`;
  if (changes.length === 0) return summary;
  const rows = changes.map((one) => [
    textOf(one, "would"),
    textOf(one, "secret"),
    textOf(one, "destination"),
    textOf(one, "why"),
  ]);
  return `${tableOf(["would", "secret", "destination", "why"], rows)}\n\n${summary}`;
}
