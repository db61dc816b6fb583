// Owns: `keyferry drift`: what in Key Vault is not as it was written.

import type { Data } from "../api-client.ts";
import { type Adder, type Context, examples } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { Failure } from "../failure.ts";
import { agoText, tableOf } from "../output.ts";
import { parseDestination } from "../parse/names.ts";
import { listOf, numberOf, textOf } from "../rows.ts";

const POLL_MS = 300;
// A sink takes up a request within seconds; a large vault is listed 25 names at a time.
const WAIT_MS_MAX = 15 * 60_000;

/** Adds the commands. */
export function addDrift({ program, act }: Adder): void {
  const drift = program.command("drift").description("Compares a whole vault with what was written there");
  const one = (
    name: string,
    description: string,
    work: (context: Context, name: string) => Promise<ExitCode>,
  ) =>
    drift
      .command(name)
      .description(description)
      .argument("<destination>", "whose vault")
      .action(act((context, _options, [given = ""]) => work(context, parseDestination(given))));
  one("check", "Looks now and reports; ends with 1 if something differs", (context, name) =>
    look(context, name, "check"),
  ).addHelpText("after", examples(["keyferry drift check kv-prod", "changes nothing"]));
  one("repair", "Looks now, and orders what is missing or old to be written again", (context, name) =>
    look(context, name, "repair"),
  ).addHelpText(
    "after",
    `
What somebody edited by hand is repaired only where the destination's \`hand_edits\` says so. More than 5 % that differ
are reported, not repaired. Orphans are never collected by this.
${examples(["keyferry drift repair kv-prod", "then keyferry status kv-prod"])}`,
  );
  one("report", "Shows the last look again", async (context, name) => {
    const data = await context.api.call("GET", `sys/sync/drift/azure-kv/${name}`);
    context.show(data, () => reportText(data, context.io.now()));
    return exitOf(data);
  }).addHelpText("after", examples(["keyferry drift report kv-prod", "asks nobody"]));
}

async function look(context: Context, name: string, mode: "check" | "repair"): Promise<ExitCode> {
  const { api, io, note } = context;
  const path = `sys/sync/drift/azure-kv/${name}`;
  const asked = textOf(await api.call("PUT", `${path}/${mode}`), "requested_at");
  if (context.format === "table") note("Asked; waiting for a sink to look at the vault.");
  const end = io.now() + WAIT_MS_MAX;
  while (io.now() < end && !io.signal.aborted) {
    const data = await api.find("GET", path);
    if (data !== undefined && textOf(data, "requested_at") === asked) {
      context.show(data, () => reportText(data, io.now()));
      return exitOf(data);
    }
    await io.sleep(POLL_MS);
  }
  if (io.signal.aborted) return EXIT.interrupted;
  throw new Failure(
    EXIT.unfinished,
    "No sink has reported yet",
    `keyferry status says whether one runs; keyferry drift report ${name} shows its report when it is there.`,
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
  const head = `${numberOf(data, "listed")} secrets in the vault, ${numberOf(data, "owned")} of them ours; looked at ${agoText(data["finished_at"], now)}`;
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
