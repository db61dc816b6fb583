// Owns: `keyferry drift`: what in Key Vault is not as it was written.

import type { Data } from "../api-client.ts";
import { type Adder, type Context, examples } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { Failure } from "../failure.ts";
import { agoText, tableOf } from "../output.ts";
import { parseDestination } from "../parse/names.ts";
import { listOf, numberOf, textOf } from "../rows.ts";

interface RepairOptions {
  readonly evenIfMany?: true;
}

const POLL_MS = 300;
const POLLS_A_CHECK = 15;
// A sink takes up a request within seconds; a large vault is listed 25 names at a time.
const WAIT_MS_MAX = 15 * 60_000;

/** Adds the commands. */
export function addDrift({ program, act }: Adder): void {
  const drift = program
    .command("drift")
    .description("Compares a whole vault with what was written there")
    .addHelpText("after", examples(["keyferry drift check kv-prod", "look first"]));
  const one = (
    name: string,
    description: string,
    work: (context: Context, name: string, options: RepairOptions) => Promise<ExitCode>,
  ) =>
    drift
      .command(name)
      .description(description)
      .argument("<destination>", "whose vault")
      .action(
        act<RepairOptions>((context, options, [given = ""]) =>
          work(context, parseDestination(given), options),
        ),
      );
  one("check", "Looks now and reports; ends with 1 if something differs", (context, name) =>
    look(context, name, "check"),
  ).addHelpText("after", examples(["keyferry drift check kv-prod", "changes nothing"]));
  one("repair", "Looks now, and orders what differs to be written again", (context, name, options) =>
    look(context, name, "repair", options),
  )
    .option("--even-if-many", "also if more than 5 % differ: you have looked, and it is the right vault")
    .addHelpText(
      "after",
      `
What somebody edited by hand is written over, too. More than 5 % that differ (and more than 5 secrets) are reported and
not repaired, as it is more likely that the wrong vault answers. Orphans are never collected by this.
${examples(
  ["keyferry drift repair kv-prod", "then keyferry status kv-prod"],
  ["keyferry drift repair kv-prod --even-if-many", "a vault that was emptied"],
)}`,
    );
  one("report", "Shows the last look again", async (context, name) => {
    const data = await context.api.call("GET", `sys/sync/drift/azure-kv/${name}`);
    context.show(data, () => reportText(data, context.io.now()));
    return exitOf(data);
  }).addHelpText("after", examples(["keyferry drift report kv-prod", "asks nobody"]));
}

async function look(
  context: Context,
  name: string,
  mode: "check" | "repair",
  { evenIfMany }: RepairOptions = {},
): Promise<ExitCode> {
  const body = evenIfMany === true ? { body: { even_if_many: true } } : {};
  const asked = await context.api.call("PUT", `sys/sync/drift/azure-kv/${name}/${mode}`, body);
  const data = await reportOf(context, name, asked);
  if (data === undefined) return EXIT.interrupted;
  context.show(data, () => reportText(data, context.io.now()));
  return exitOf(data);
}

/** The report that answers what was asked; undefined: Ctrl-C came first. @throws Failure where none comes */
export async function reportOf(context: Context, name: string, request: Data): Promise<Data | undefined> {
  const { api, io, note } = context;
  const path = `sys/sync/drift/azure-kv/${name}`;
  const asked = textOf(request, "requested_at");
  if (context.format === "table") note("Asked; waiting for a sink to look at the vault.");
  const end = io.now() + WAIT_MS_MAX;
  for (let polls = 1; io.now() < end && !io.signal.aborted; polls += 1) {
    if (polls % POLLS_A_CHECK === 0) await requireSink(context);
    const data = await api.find("GET", path);
    if (data !== undefined && textOf(data, "requested_at") === asked) return data;
    await io.sleep(POLL_MS);
  }
  if (io.signal.aborted) return undefined;
  throw new Failure(
    EXIT.unfinished,
    "No sink has reported yet",
    `keyferry status says whether one runs; keyferry drift report ${name} shows its report when it is there.`,
  );
}

// Without a sink nobody would ever report.
async function requireSink({ api }: Context): Promise<void> {
  const { missing } = await api.call("GET", "sys/sync/status");
  if (!Array.isArray(missing) || !missing.includes("azure-sink")) return;
  throw new Failure(
    EXIT.away,
    "No azure-sink answers, which would look at the vault",
    "Start one; what was asked for is done then. keyferry drift report shows the last report.",
  );
}

function exitOf(data: Data): ExitCode {
  if (textOf(data, "failure") !== undefined) return EXIT.unfinished;
  return listOf(data, "findings").some((finding) => finding["action"] === "reported")
    ? EXIT.findings
    : EXIT.done;
}

function reportText(data: Data, now: number): string {
  const failure = textOf(data, "failure");
  const only = textOf(data, "only_reported");
  const findings = listOf(data, "findings");
  const head = `${numberOf(data, "listed")} secrets in the vault, ${numberOf(data, "owned")} on record as ours; looked at ${agoText(data["finished_at"], now)}`;
  const rows = findings.map((finding) => [
    textOf(finding, "name"),
    textOf(finding, "kind"),
    textOf(finding, "action"),
    textOf(finding, "secret"),
    textOf(finding, "detail"),
  ]);
  return [
    head,
    ...(failure === undefined ? [] : [`The look failed: ${failure}`]),
    ...(only === undefined ? [] : [`Nothing was repaired: ${only}`]),
    rows.length === 0 ? "Nothing differs." : tableOf(["name", "differs", "done", "secret", "detail"], rows),
  ].join("\n");
}
