// Owns: `keyferry orphans`: secrets in Key Vault that carry Keyferry's mark and that nothing wants any more.

import type { Data } from "../api-client.ts";
import { type Adder, type Context, examples } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { Failure, usageFailure } from "../failure.ts";
import { tableOf } from "../output.ts";
import { parseDestination } from "../parse/names.ts";
import { listOf, numberOf, textOf } from "../rows.ts";
import { reportOf } from "./drift.ts";

const ORPHANS = "sys/sync/orphans/azure-kv";
const DRIFT = "sys/sync/drift/azure-kv";

/** Adds the commands. */
export function addOrphans({ program, act }: Adder): void {
  const orphans = program
    .command("orphans")
    .description("Secrets in Key Vault with Keyferry's mark that no association wants: after a restore, say")
    .addHelpText(
      "after",
      `
They are never collected by themselves: after a restore of NATS from a backup, what looks like an orphan may be a secret
whose association was lost with it. Make the associations again first, and what is theirs is no orphan any more.
${examples(["keyferry orphans list kv-prod", "look first"])}`,
    );
  orphans
    .command("list")
    .description("Looks at the whole vault now, and lists them with the digest that names this very set")
    .argument("<destination>", "whose vault")
    .addHelpText("after", examples(["keyferry orphans list kv-prod", "changes nothing"]))
    .action(act(list));
  orphans
    .command("collect")
    .description(
      "Deletes exactly those that were listed; each is looked at once more, and what is wanted stays",
    )
    .argument("<destination>", "whose vault")
    .requiredOption("--digest <digest>", "as `keyferry orphans list` shows it")
    .addHelpText(
      "after",
      examples(["keyferry orphans collect kv-prod --digest 3q8…", "after looking at the list"]),
    )
    .action(act<{ readonly digest: string }>(collect));
}

async function list(context: Context, _options: object, [given = ""]: readonly string[]): Promise<ExitCode> {
  const name = parseDestination(given);
  const { api, show } = context;
  const report = await reportOf(context, name, await api.call("PUT", `${DRIFT}/${name}/check`));
  if (report === undefined) return EXIT.interrupted;
  refuseFailed(report);
  const data = await api.call("GET", `${ORPHANS}/${name}`);
  const rows = listOf(data, "orphans");
  show(data, () => listText(data, rows, name));
  return rows.length === 0 ? EXIT.done : EXIT.findings;
}

async function collect(
  context: Context,
  { digest }: { readonly digest: string },
  [given = ""]: readonly string[],
): Promise<ExitCode> {
  const name = parseDestination(given);
  if (digest.trim() === "") {
    throw usageFailure("The digest is empty", `keyferry orphans list ${name} shows it.`);
  }
  const { api, show } = context;
  const asked = await api.call("PUT", `${ORPHANS}/${name}/collect`, { body: { digest } });
  const report = await reportOf(context, name, asked);
  if (report === undefined) return EXIT.interrupted;
  refuseFailed(report);
  const orphans = listOf(report, "findings").filter((finding) => finding["kind"] === "orphan");
  const data = { destination: name, orphans };
  show(data, () =>
    orphans.length === 0
      ? "Nothing was left to collect."
      : tableOf(
          ["name", "done", "detail"],
          orphans.map((one) => [textOf(one, "name"), textOf(one, "action"), textOf(one, "detail")]),
        ),
  );
  return orphans.every((one) => one["action"] === "collected") ? EXIT.done : EXIT.findings;
}

function refuseFailed(report: Data): void {
  const failure = textOf(report, "failure");
  if (failure !== undefined) throw new Failure(EXIT.unfinished, `The look at the vault failed: ${failure}`);
}

function listText(data: Data, rows: readonly Data[], name: string): string {
  if (rows.length === 0) return "There are none.";
  const table = tableOf(
    ["name", "why"],
    rows.map((row) => [textOf(row, "name"), textOf(row, "detail")]),
  );
  const more = numberOf(data, "total") - rows.length;
  const digest = textOf(data, "digest") ?? "";
  return [
    table,
    ...(more > 0 ? [`${more} more are counted and not listed: collect these first.`] : []),
    `Nothing was done. If they are meant to go: keyferry orphans collect ${name} --digest ${digest}`,
  ].join("\n\n");
}
