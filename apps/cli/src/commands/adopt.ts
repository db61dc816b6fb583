// Owns: `keyferry adopt`: taking over Key Vault secrets that are there already, under the names that associations wish.

import type { Data } from "../api-client.ts";
import { type Adder, type Context, examples } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { Failure } from "../failure.ts";
import { agoText, tableOf } from "../output.ts";
import { parseDestination, parseSecret } from "../parse/names.ts";
import { isData, listOf, partOf, textOf } from "../rows.ts";

interface Options {
  readonly yes?: true;
  readonly digests?: true;
}

// A sink takes up a command within moments; a large takeover goes by the vault's rate.
const SETTLE_MS_MAX = 5 * 60_000;
const POLL_MS = 500;
const TAKEN_OVER = new Set(["mark", "write", "recover"]);

/** Adds the command. */
export function addAdopt({ program, act }: Adder): void {
  program
    .command("adopt")
    .description(
      "Shows which Key Vault secrets stand in the way of associations, whose they are and how they differ; with --yes takes them over",
    )
    .argument("<destination>", "whose")
    .argument("[secrets...]", "of these, MOUNT/PATH; without any, all that are refused for this reason")
    .option("--digests", "compare the values by digest: says whether they are the same, never what they are")
    .option("--yes", "take over what is shown")
    .addHelpText(
      "after",
      `
WOULD says what becomes of each name:
  mark     the value is the source's already: it gets Keyferry's tags, and no new version (only with --digests)
  write    it gets a new version with the source's value; what it holds now stays as an older version
  recover  it is soft-deleted: it is recovered, then written
  refuse   somebody else's mark is on it, or it backs a certificate: it is never taken over by this
Only what was shown is taken over: what somebody writes there meanwhile is refused as before. The destination's own
\`ownership\` stays as it is. Comparing needs the right to get secrets for the sink's identity in Key Vault.
${examples(
  ["keyferry adopt kv-prod --digests", "look first"],
  ["keyferry adopt kv-prod my-kv/app/db --yes", "take over what is in the way of one secret"],
)}`,
    )
    .action(act<Options>(adopt));
}

async function adopt(
  context: Context,
  { yes, digests }: Options,
  [given = "", ...secrets]: readonly string[],
): Promise<ExitCode> {
  const { api, show, io } = context;
  const name = parseDestination(given);
  const named = secrets.map((secret) => {
    parseSecret(secret);
    return secret.replace(/^\/+/, "");
  });
  const wish = {
    ...(digests === true ? { compare: true } : {}),
    ...(named.length === 0 ? {} : { secrets: named }),
  };
  const path = `sys/sync/adopt/azure-kv/${name}`;
  const plan = await api.call("PUT", `${path}/plan`, { body: wish });
  const rows = listOf(plan, "rows");
  if (yes !== true || !rows.some(isTakenOver)) {
    show({ ...plan, adopted: [] }, () => planText(plan, name, io.now()));
    return endOf(plan);
  }
  if (context.format === "table") context.note(planText(plan, name, io.now(), "doing"));
  await api.call("PUT", path, { body: { ...wish, digest: textOf(plan, "digest") } });
  const wanted = [...new Set(rows.filter(isTakenOver).map((row) => textOf(row, "secret") ?? ""))];
  const ends = await settled(context, name, wanted);
  const synced = ends.filter(({ status }) => status === "SYNCED").map(({ secret }) => secret);
  const left = ends.filter(({ status }) => status !== "SYNCED");
  show({ destination: name, adopted: synced, left }, () => resultText(synced, left));
  if (io.signal.aborted) return EXIT.interrupted;
  return left.length === 0 && !rows.some(isRefused) ? EXIT.done : EXIT.findings;
}

interface End {
  readonly secret: string;
  readonly status: string;
  readonly reason: string;
}

/** How each ended; what has not ended in time is PENDING. */
async function settled(
  { api, io }: Context,
  name: string,
  wanted: readonly string[],
): Promise<readonly End[]> {
  const end = io.now() + SETTLE_MS_MAX;
  for (;;) {
    const data = await api.call("GET", `sys/sync/destinations/azure-kv/${name}/associations`);
    const ends = wanted.map((secret) => endIn(data, secret));
    const isOver = ends.every(({ status }) => status !== "PENDING");
    if (isOver || io.now() >= end || io.signal.aborted) return ends;
    await io.sleep(POLL_MS);
  }
}

function endIn(data: Data, secret: string): End {
  const rows = Object.values(partOf(data, "associated_secrets")).filter(isData);
  const own = rows.filter(
    (row) =>
      `${(textOf(row, "mount") ?? "").replace(/\/$/, "")}/${textOf(row, "secret_name") ?? ""}` === secret,
  );
  // Under secret-key there is a row for each key.
  const row = own.find(({ sync_status }) => sync_status !== "SYNCED") ?? own[0];
  return {
    secret,
    status: textOf(row, "sync_status") ?? "gone",
    reason: textOf(row, "reason") ?? "it is not associated any more",
  };
}

function endOf(plan: Data): ExitCode {
  const rows = listOf(plan, "rows");
  if (plan["looked"] === false) {
    const notes = plan["notes"];
    const why = Array.isArray(notes) ? notes.map(String).join("; ") : "";
    throw new Failure(
      EXIT.away,
      `Nothing could be looked at in Key Vault: ${why}`,
      "keyferry status says whether a sink runs, keyferry doctor what its connection lacks.",
    );
  }
  return rows.length === 0 ? EXIT.done : EXIT.findings;
}

function isTakenOver(row: Data): boolean {
  return TAKEN_OVER.has(textOf(row, "would") ?? "");
}

function isRefused(row: Data): boolean {
  return row["would"] === "refuse" || row["would"] === "unknown";
}

function planText(plan: Data, name: string, now: number, mode: "showing" | "doing" = "showing"): string {
  const rows = listOf(plan, "rows");
  if (rows.length === 0) return "No name is somebody else's.";
  const table = tableOf(
    ["secret", "name in key vault", "there", "written", "value", "would", "why"],
    rows.map((row) => [
      textOf(row, "secret"),
      textOf(row, "name"),
      textOf(row, "there"),
      agoText(row["created_at"], now),
      textOf(row, "value"),
      textOf(row, "would"),
      textOf(row, "why"),
    ]),
  );
  const notes = plan["notes"];
  const count = rows.filter(isTakenOver).length;
  const last =
    mode === "doing"
      ? `Taking over ${count}.`
      : `Nothing was done.${count === 0 ? "" : ` keyferry adopt ${name} --yes takes over ${count}, as shown.`}`;
  return [
    table,
    ...tagLines(rows),
    ...(plan["looked"] === true && Array.isArray(notes) ? notes.map(String) : []),
    last,
  ].join("\n\n");
}

// What is there and would not be kept: tags are replaced where a name is only marked.
function tagLines(rows: readonly Data[]): readonly string[] {
  const lines = rows.flatMap((row) => {
    const tags = row["tags"];
    if (!isTakenOver(row) || !Array.isArray(tags) || tags.length === 0) return [];
    const rest = row["would"] === "mark" ? "go" : "stay on the older version";
    return [`${textOf(row, "name") ?? ""}: its tags ${tags.map(String).join(", ")} ${rest}.`];
  });
  return lines.length === 0 ? [] : [lines.join("\n")];
}

function resultText(synced: readonly string[], left: readonly End[]): string {
  return [
    ...(synced.length === 0 ? [] : [`Taken over: ${synced.join(", ")}`]),
    ...left.map(({ secret, status, reason }) => `Not taken over: ${secret}: ${status}: ${reason}`),
  ].join("\n");
}
