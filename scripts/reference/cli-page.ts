// Owns: docs/cli.md, from the program's own help and the transcripts that e2e/transcripts.test.ts holds true.
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { EXIT_MEANINGS, manualEntries } from "@keyferry/cli";

const TRANSCRIPTS = resolve(import.meta.dirname, "../../e2e/transcripts");

/** The page as markdown, before the formatter has aligned it. */
export function renderCliPage(): string {
  const entries = manualEntries();
  const transcripts = transcriptsByCommand(entries.map(({ command }) => command));
  const codes = EXIT_MEANINGS.map(([code, meaning]) => `| ${code} | ${meaning} |`);
  return [
    "# The command `keyferry`",
    "",
    "<!-- Generated from the program's help and from e2e/transcripts, by `npm run reference`. Do not edit. -->",
    "",
    "It operates an installation by its HTTP API alone: what it may do is decided by the policies of the caller's token on",
    "the paths below `sys/sync`, as [docs/api.md](api.md) and `docs/reference/openapi.json` describe them.",
    "",
    "From this repository: `npx keyferry …` with Node 24, or `npm run keyferry -- …`, which finds a Node 24 by itself. As one",
    "file without dependencies: `node deploy/build.ts cli`, then `node dist/cli/main.mjs …`.",
    "",
    "Where the API is and who calls, as the vault CLI has it: `VAULT_ADDR`, `VAULT_TOKEN` (else `~/.vault-token`),",
    "`VAULT_NAMESPACE`, `VAULT_CACERT`, `VAULT_SKIP_VERIFY`; each also as `BAO_…`. Answers go to stdout, progress and",
    "remarks to stderr. `-o json` and `-o yaml` print the API's own fields.",
    "",
    "| exit code | meaning |",
    "|---|---|",
    ...codes,
    "",
    "In the transcripts times, ids and ages are replaced by `<time>`, `<id>`, `<ago>`.",
    "",
    ...entries
      .filter(({ command }) => command !== "")
      .flatMap(({ command, help }) => section(command, help, transcripts.get(command) ?? [])),
    "## What goes wrong",
    "",
    "A wrong command line ends before anything is asked, with what would be right; what the server refuses, in its words.",
    "",
    ...(transcripts.get("") ?? []),
  ].join("\n");
}

// `drift-repair-again.txt` is shown with `drift repair`: the longest command that it begins with; the rest at the end.
function transcriptsByCommand(commands: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const shown = new Map<string, string[]>();
  for (const file of readdirSync(TRANSCRIPTS).sort()) {
    const name = file.replace(/\.txt$/, "");
    const [of = ""] = commands
      .filter((command) => command !== "" && `${name}-`.startsWith(`${command.replaceAll(" ", "-")}-`))
      .sort((a, b) => b.length - a.length);
    const text = readFileSync(join(TRANSCRIPTS, file), "utf8").trimEnd();
    shown.set(of, [...(shown.get(of) ?? []), "```console", text, "```", ""]);
  }
  return shown;
}

function section(command: string, help: string, transcripts: readonly string[]): string[] {
  const level = command.includes(" ") ? "###" : "##";
  return [`${level} keyferry ${command}`, "", "```text", help, "```", "", ...transcripts];
}
