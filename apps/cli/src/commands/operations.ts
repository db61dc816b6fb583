// Owns: `keyferry operations`: long work that the server does, and how it is shown and waited for.

import type { Data } from "../api-client.ts";
import { type Adder, type Context, examples } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { usageFailure } from "../failure.ts";
import { agoText, factsOf, tableOf } from "../output.ts";
import { listOf, numberOf, partOf, textOf } from "../rows.ts";

const PATH = "sys/sync/operations";
const POLL_MS = 500;

/** Adds the commands. */
export function addOperations({ program, act }: Adder): void {
  const operations = program
    .command("operations")
    .description("Replays and resyncs: lists, shows, waits for, cancels and resumes them")
    .addHelpText(
      "after",
      examples(
        ["keyferry operations list", "with their progress"],
        ["keyferry operations wait 5kq3w7…", "until it ends"],
      ),
    );
  operations
    .command("list")
    .description("Lists them, newest first")
    .addHelpText("after", examples(["keyferry operations list", "with their progress"]))
    .action(act(list));
  const one = (
    name: string,
    description: string,
    work: (context: Context, options: object, args: readonly string[]) => Promise<ExitCode>,
  ) =>
    operations
      .command(name)
      .description(description)
      .argument("<id>", "as `keyferry operations list` shows it")
      .addHelpText("after", examples([`keyferry operations ${name} 5kq3w7…`, "an id as it is listed"]))
      .action(act(work));
  one("show", "Shows one", showOne);
  one("wait", "Shows its progress until it ends", (context, _options, [id = ""]) =>
    waitFor(context, checkId(id)),
  );
  one("cancel", "Stops it where it stands; resume goes on from there", (context, _options, args) =>
    change(context, "cancel", args),
  );
  one("resume", "Goes on where it was cancelled or failed", (context, _options, args) =>
    change(context, "resume", args),
  );
}

async function list({ api, show, io }: Context): Promise<void> {
  const data = (await api.find("LIST", PATH)) ?? { keys: [], operations: [] };
  const rows = listOf(data, "operations").map((operation) => [
    textOf(operation, "id"),
    textOf(operation, "kind"),
    textOf(operation, "state"),
    doneText(operation),
    agoText(operation["created_at"], io.now()),
    textOf(operation, "message"),
  ]);
  show(data, () =>
    rows.length === 0
      ? "There are none."
      : tableOf(["id", "kind", "state", "done", "started", "message"], rows),
  );
}

async function showOne(context: Context, _options: object, [id = ""]: readonly string[]): Promise<ExitCode> {
  const data = await context.api.call("GET", `${PATH}/${checkId(id)}`);
  context.show(data, () => operationText(data));
  return EXIT.done;
}

async function change(
  context: Context,
  what: "cancel" | "resume",
  [id = ""]: readonly string[],
): Promise<ExitCode> {
  const data = await context.api.call("PUT", `${PATH}/${checkId(id)}/${what}`);
  context.show(data, () => operationText(data));
  return EXIT.done;
}

/** Shows an operation's progress until it ends; Ctrl-C leaves it running. */
export async function waitFor(context: Context, id: string): Promise<ExitCode> {
  try {
    return await showUntilEnded(context, id);
  } catch (error) {
    if (!context.io.signal.aborted) throw error;
    context.note(
      `It goes on without this command. keyferry operations wait ${id} shows it again; cancel stops it.`,
    );
    return EXIT.interrupted;
  }
}

async function showUntilEnded(context: Context, id: string): Promise<ExitCode> {
  const { api, io, note } = context;
  let told = "";
  for (;;) {
    const data = await api.call("GET", `${PATH}/${id}`);
    if (textOf(data, "state") !== "running") {
      context.show(data, () => operationText(data));
      return exitOf(data);
    }
    const progress = `${doneText(data)}  ${textOf(data, "message") ?? ""}`;
    if (context.format === "table" && progress !== told) note(progress);
    told = progress;
    await io.sleep(POLL_MS);
    io.signal.throwIfAborted();
  }
}

function exitOf(data: Data): ExitCode {
  return textOf(data, "state") === "done" ? EXIT.done : EXIT.unfinished;
}

/** An operation as facts. */
export function operationText(data: Data): string {
  const progress = partOf(data, "progress");
  return factsOf([
    ["operation", textOf(data, "id")],
    ["kind", textOf(data, "kind")],
    ["state", textOf(data, "state")],
    ["since", textOf(data, "since")],
    ["until", textOf(data, "until")],
    ["destination", textOf(data, "destination")],
    ["mount", textOf(data, "mount")],
    ["path", textOf(data, "path")],
    ["looked at", doneText(data)],
    ["ordered", numberOf(progress, "ordered")],
    ["unchanged", numberOf(progress, "unchanged")],
    ["asked for", numberOf(progress, "asked")],
    ["left to settle", numberOf(progress, "failed")],
    ["message", textOf(data, "message")],
  ]);
}

function doneText(data: Data): string {
  const progress = partOf(data, "progress");
  return `${numberOf(progress, "done")} of ${numberOf(progress, "total")}`;
}

function checkId(id: string): string {
  if (!/^[a-z2-7]{13,26}$/.test(id)) {
    throw usageFailure(`'${id}' is not an operation's id`, "`keyferry operations list` shows the ids.");
  }
  return id;
}
