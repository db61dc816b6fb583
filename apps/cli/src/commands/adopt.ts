// Owns: `keyferry adopt`: taking over Key Vault secrets that are there already, under the names that associations wish.

import type { Data } from "../api-client.ts";
import { type Adder, type Context, examples } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { tableOf } from "../output.ts";
import { parseDestination } from "../parse/names.ts";
import { isData, partOf, textOf } from "../rows.ts";
import { waitUntilDone } from "./operations.ts";

interface Options {
  readonly yes?: true;
}

interface Row {
  readonly secret: string;
  readonly reason: string;
}

// What the API says of a name that somebody else has.
const FOREIGN = "foreign-owner";
// A sink takes up a command within moments; a large takeover goes by the vault's rate.
const SETTLE_MS_MAX = 5 * 60_000;
const POLL_MS = 500;

/** Adds the command. */
export function addAdopt({ program, act }: Adder): void {
  program
    .command("adopt")
    .description(
      "Shows which secrets are refused as their names are somebody else's in Key Vault; with --yes takes them over",
    )
    .argument("<destination>", "whose")
    .option("--yes", "take over what is shown: its next version there is the source's")
    .addHelpText(
      "after",
      `
Only names on which nobody else's mark is are taken over: not those of another Keyferry, nor a certificate's. Nothing
that is there is lost: Key Vault keeps it as an older version. Meanwhile the destination's \`ownership\` is \`adopt\`, and
afterwards what it was before.
${examples(["keyferry adopt kv-prod", "look first"], ["keyferry adopt kv-prod --yes", "take over"])}`,
    )
    .action(act<Options>(adopt));
}

async function adopt(context: Context, { yes }: Options, [given = ""]: readonly string[]): Promise<ExitCode> {
  const name = parseDestination(given);
  const path = `sys/sync/destinations/azure-kv/${name}`;
  const before = foreignOf(await context.api.call("GET", `${path}/associations`));
  if (before.length === 0) {
    context.show({ destination: name, foreign: [], adopted: [] }, () => "No name is somebody else's.");
    return EXIT.done;
  }
  if (yes !== true) {
    context.show({ destination: name, foreign: before, adopted: [] }, () => foreignText(before, name));
    return EXIT.findings;
  }
  const left = await takeOver(context, name, path, before);
  const adopted = before.filter(({ secret }) => !left.some((one) => one.secret === secret));
  context.show({ destination: name, foreign: left, adopted }, () => resultText(adopted, left));
  return left.length === 0 ? EXIT.done : EXIT.findings;
}

/** @returns what is still somebody else's */
async function takeOver(
  context: Context,
  name: string,
  path: string,
  wanted: readonly Row[],
): Promise<readonly Row[]> {
  const { api, io, note } = context;
  const was = textOf(partOf(await api.call("GET", path), "options"), "ownership") ?? "refuse";
  await api.call("PATCH", path, { body: { ownership: "adopt" } });
  try {
    note(`Taking over ${wanted.length}; the destination's ownership is adopt meanwhile.`);
    const started = await api.call("PUT", "sys/sync/operations/resync", { body: { destination: name } });
    await waitUntilDone(context, textOf(started, "id") ?? "");
    const end = io.now() + SETTLE_MS_MAX;
    for (;;) {
      const data = await api.call("GET", `${path}/associations`);
      const left = foreignOf(data);
      if (!isAnyPending(data, wanted) || io.now() >= end || io.signal.aborted) return left;
      await io.sleep(POLL_MS);
    }
  } finally {
    await api.detached().call("PATCH", path, { body: { ownership: was } });
  }
}

function rowsOf(data: Data): readonly Data[] {
  return Object.values(partOf(data, "associated_secrets")).filter(isData);
}

function secretOf(row: Data): string {
  return `${(textOf(row, "mount") ?? "").replace(/\/$/, "")}/${textOf(row, "secret_name") ?? ""}`;
}

function foreignOf(data: Data): readonly Row[] {
  return rowsOf(data)
    .filter((row) => (textOf(row, "reason") ?? "").startsWith(FOREIGN))
    .map((row) => ({ secret: secretOf(row), reason: textOf(row, "reason") ?? "" }));
}

function isAnyPending(data: Data, wanted: readonly Row[]): boolean {
  const names = new Set(wanted.map(({ secret }) => secret));
  return rowsOf(data).some((row) => row["sync_status"] === "PENDING" && names.has(secretOf(row)));
}

function foreignText(rows: readonly Row[], name: string): string {
  const table = tableOf(
    ["secret", "why it is not synced"],
    rows.map(({ secret, reason }) => [secret, reason.replace(`${FOREIGN}: `, "")]),
  );
  return `${table}\n\nNothing was done. keyferry adopt ${name} --yes takes over those without anybody's mark.`;
}

function resultText(adopted: readonly Row[], left: readonly Row[]): string {
  const done = adopted.length === 0 ? [] : [`Taken over: ${adopted.map(({ secret }) => secret).join(", ")}`];
  const rest = left.map(
    ({ secret, reason }) => `Not taken over: ${secret}: ${reason.replace(`${FOREIGN}: `, "")}`,
  );
  return [...done, ...rest].join("\n");
}
