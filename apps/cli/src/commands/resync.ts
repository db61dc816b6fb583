// Owns: `keyferry resync`.

import { type Adder, type Context, examples } from "../command.ts";
import type { ExitCode } from "../exit-codes.ts";
import { type SelectionOptions, startOrRehearse, withSelection } from "./replay.ts";

/** Adds the command. */
export function addResync({ program, act }: Adder): void {
  withSelection(
    program
      .command("resync")
      .description(
        "Goes through every associated secret by its current state, and orders what is not as it should be",
      ),
  )
    .addHelpText(
      "after",
      `
What the settle loop does by itself every minute, now and with a report. The server does the work: Ctrl-C leaves it
running, \`keyferry operations\` shows it.
${examples(
  ["keyferry resync --dry-run", "what would be ordered"],
  ["keyferry resync -d kv-prod", "one destination"],
)}`,
    )
    .action(act<SelectionOptions>(resync));
}

function resync(context: Context, options: SelectionOptions): Promise<ExitCode> {
  return startOrRehearse(context, "resync", options, {});
}
