// Owns: `keyferry held`: deletes that are more than a destination's budget allows, and wait for a person.

import type { Data } from "../api-client.ts";
import { type Adder, type Context, examples } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { Failure } from "../failure.ts";
import { agoText, tableOf } from "../output.ts";
import { parseDestination } from "../parse/names.ts";
import { listOf, numberOf, textOf } from "../rows.ts";

const PATH = "sys/sync/held/azure-kv";

/** Adds the commands. */
export function addHeld({ program, act }: Adder): void {
  const held = program
    .command("held")
    .description("Deletes that wait for a person: more than a destination's budget allows")
    .addHelpText("after", examples(["keyferry held list kv-prod", "look first"]));
  held
    .command("list")
    .description("Lists what waits, and the digest that names this very set")
    .argument("<destination>", "whose")
    .addHelpText("after", examples(["keyferry held list kv-prod", "what would be deleted"]))
    .action(act(list));
  held
    .command("approve")
    .description("Lets exactly this set be deleted, once; what changed meanwhile waits anew")
    .argument("<destination>", "whose")
    .requiredOption(
      "--digest <digest>",
      "as `keyferry held list` shows it: what is approved is what was seen",
    )
    .addHelpText(
      "after",
      examples(["keyferry held approve kv-prod --digest 3q8…", "after looking at the list"]),
    )
    .action(act<{ readonly digest: string }>(approve));
}

async function list(
  { api, show, io }: Context,
  _options: object,
  [given = ""]: readonly string[],
): Promise<ExitCode> {
  const name = parseDestination(given);
  const data = await orWhichThereAre(api, name, await api.find("GET", `${PATH}/${name}`));
  show(data, () => heldText(data, name, io.now()));
  return rowsOf(data).length === 0 ? EXIT.done : EXIT.findings;
}

async function approve(
  { api, show }: Context,
  { digest }: { readonly digest: string },
  [given = ""]: readonly string[],
): Promise<ExitCode> {
  const name = parseDestination(given);
  if (digest.trim() === "")
    throw new Failure(EXIT.usage, "The digest is empty", `keyferry held list ${name} shows it.`);
  const end = await api.find("PUT", `${PATH}/${name}/approve`, { body: { digest } });
  const data = await orWhichThereAre(api, name, end);
  show(data, () => {
    const skipped = numberOf(data, "skipped");
    const changed =
      skipped === 0 ? "" : ` ${skipped} have changed since, and are resolved by their own state.`;
    return `Approved: ${numberOf(data, "approved")} deletes go on.${changed} keyferry status ${name} shows them.`;
  });
  return EXIT.done;
}

// The status says which destinations there are.
async function orWhichThereAre(api: Context["api"], name: string, found: Data | undefined): Promise<Data> {
  if (found !== undefined) return found;
  await api.call("GET", `sys/sync/status/destinations/azure-kv/${name}`);
  return { held: [] };
}

function rowsOf(data: Data): readonly Data[] {
  return listOf(data, "held");
}

function heldText(data: Data, name: string, now: number): string {
  const rows = rowsOf(data);
  if (rows.length === 0) return "Nothing is held.";
  const table = tableOf(
    ["secret", "goes", "names in key vault", "since"],
    rows.map((row) => [
      `${textOf(row, "mount") ?? ""}${textOf(row, "secret_name") ?? ""}`,
      row["what"] === "names" ? "names of it" : "all of it",
      namesOf(row),
      agoText(row["since"], now),
    ]),
  );
  const digest = textOf(data, "digest") ?? "";
  return `${table}\n\n${rows.length} deletes wait. If they are meant: keyferry held approve ${name} --digest ${digest}`;
}

function namesOf(row: Data): string {
  const names = row["external_names"];
  return Array.isArray(names) ? names.map(String).join(", ") : "";
}
