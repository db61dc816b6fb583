// Owns: `keyferry pause` and `keyferry resume`.

import type { Data } from "../api-client.ts";
import { type Adder, type Context, examples } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { usageFailure } from "../failure.ts";
import { agoText, tableOf } from "../output.ts";
import { parseDestination, parseSecret } from "../parse/names.ts";
import { isData, listOf, partOf, textOf } from "../rows.ts";

interface Options {
  readonly secret?: string;
  readonly mount?: string;
  readonly all?: true;
  readonly reason?: string;
}

/** Adds both commands. */
export function addPause({ program, act }: Adder): void {
  const add = (name: "pause" | "resume", description: string) =>
    program
      .command(name)
      .description(description)
      .argument("[destination]", "this destination alone")
      .option("--secret <mount/path>", "this secret alone")
      .option("--mount <path>", "where a mount's path has slashes: the mount of --secret");
  add("pause", "Stops all writing to Key Vault, to one destination, or of one secret, within 5 seconds")
    .option("--all", "everything")
    .option("--reason <text>", "shown with all that waits for it")
    .addHelpText(
      "after",
      `
Sets and removes are accepted meanwhile, and wait as PENDING. Without anything to pause, what is paused is shown.
${examples(
  ["keyferry pause kv-prod --reason 'CHG-1234'", "one destination"],
  ["keyferry pause --secret my-kv/app/db", "one secret, everywhere"],
  ["keyferry pause --all", "everything"],
)}`,
    )
    .action(act<Options>((context, options, args) => change(context, "pause", options, args)));
  add("resume", "Lets what was paused go on")
    .option("--all", "what was paused as everything")
    .addHelpText(
      "after",
      examples(["keyferry resume kv-prod", "one destination"], ["keyferry resume --all", "everything"]),
    )
    .action(act<Options>((context, options, args) => change(context, "resume", options, args)));
}

async function change(
  context: Context,
  what: "pause" | "resume",
  options: Options,
  [given]: readonly string[],
): Promise<ExitCode> {
  const { api, show, io } = context;
  const nothing = given === undefined && options.secret === undefined && options.all !== true;
  if (nothing && what === "resume") {
    throw usageFailure("Nothing to resume was named", "Name a destination or --secret, or give --all.");
  }
  if (options.all === true && (given !== undefined || options.secret !== undefined)) {
    throw usageFailure("--all was given with something narrower", "Give one of the two.");
  }
  const data = nothing
    ? await api.call("GET", "sys/sync/pause")
    : await api.call("PUT", `sys/sync/${what}`, { body: bodyOf(options, given) });
  show(data, () => pausesText(data, io.now()));
  return EXIT.done;
}

function bodyOf({ secret, mount, reason }: Options, given: string | undefined): Data {
  const named = secret === undefined ? undefined : parseSecret(secret, mount);
  return {
    ...(given === undefined ? {} : { destination: parseDestination(given) }),
    ...(named === undefined ? {} : { mount: named.mount, secret_name: named.path }),
    ...(reason === undefined ? {} : { reason }),
  };
}

function pausesText(data: Data, now: number): string {
  const { all } = data;
  const rows: (readonly unknown[])[] = [
    ...(isData(all) ? [["everything", "", agoText(all["since"], now), textOf(all, "reason")]] : []),
    ...Object.entries(partOf(data, "destinations")).map(([name, pause]) => [
      name,
      "",
      agoText(partOf({ pause }, "pause")["since"], now),
      textOf(pause, "reason"),
    ]),
    ...listOf(data, "associations").map((one) => [
      textOf(one, "destination"),
      `${textOf(one, "mount") ?? ""}/${textOf(one, "secret_name") ?? ""}`,
      agoText(one["since"], now),
      textOf(one, "reason"),
    ]),
  ];
  return rows.length === 0 ? "Nothing is paused." : tableOf(["paused", "secret", "since", "reason"], rows);
}
