// Owns: `keyferry plan`: what would happen, without doing it.

import type { Data } from "../api-client.ts";
import { type Adder, type Context, examples, reading, readingEach } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { Failure } from "../failure.ts";
import { durationText, tableOf } from "../output.ts";
import { parseDestination, parseGlob, parsePair } from "../parse/names.ts";
import { listOf, numberOf, partOf, textOf } from "../rows.ts";

interface DestinationOptions {
  readonly uri?: string;
  readonly tenant?: string;
  readonly client?: string;
  readonly template?: string;
  readonly granularity?: string;
  readonly tags?: readonly string[];
  readonly mount?: string;
  readonly path?: string;
}

interface RuleOptions {
  readonly mounts: readonly string[];
  readonly paths?: readonly string[];
  readonly metadata?: readonly string[];
}

const PATH = "sys/sync/plan";
const COUNTED = ["create", "update", "patch", "rename", "delete", "refuse", "unknown", "none"];

/** Adds the commands. */
export function addPlan({ program, act }: Adder): void {
  const plan = program
    .command("plan")
    .description(
      "Shows what a change would do in Key Vault, and what it would cost; does nothing, shows no value",
    )
    .addHelpText(
      "after",
      `
A sink looks into Key Vault for the names that would be new: those that are somebody else's, or soft-deleted, are shown as
refused. Without a sink the plan says that nobody looked. The plan of a replay or resync: keyferry replay --dry-run; of a file: keyferry import --plan. Ends with 1 if something
would be refused.
${examples(
  [
    "keyferry plan destination kv-new --uri https://kv-new.vault.azure.net --mount my-kv",
    "before there is one",
  ],
  ["keyferry plan destination kv-prod --template '{{ .SecretBaseName }}'", "another template"],
  ["keyferry plan rule kv-prod --mounts 'team-*'", "what a rule would add"],
  ["keyferry plan approval kv-prod", "what would be deleted"],
)}`,
    );
  plan
    .command("destination")
    .description(
      "A destination that is not there yet, or another template, granularity or tags of one that is",
    )
    .argument("<name>", "of the destination")
    .option("--uri <uri>", "key_vault_uri of a new one")
    .option("--tenant <id>", "tenant_id of a new one")
    .option("--client <id>", "client_id of a new one")
    .option("--template <template>", "secret_name_template")
    .option("--granularity <level>", "secret-path or secret-key")
    .option("--tags <key=value...>", "custom_tags", readingEach(parsePair))
    .option("--mount <path>", "as if every known secret of this mount were associated")
    .option("--path <glob>", "of these, the ones whose path matches", reading(parseGlob))
    .addHelpText(
      "after",
      examples([
        "keyferry plan destination kv-prod --granularity secret-key --template '{{ .SecretPath }}-{{ .SecretKey }}'",
        "one name for each key",
      ]),
    )
    .action(act<DestinationOptions>(planDestination));
  plan
    .command("rule")
    .description("A rule that is not there yet, with its destination's template")
    .argument("<destination>", "the rule's")
    .requiredOption("--mounts <globs...>", "globs over mounts")
    .option("--paths <globs...>", "globs over paths: * within a part, ** across", readingEach(parseGlob))
    .option("--metadata <key=glob...>", "globs over the secrets' own custom metadata", readingEach(parsePair))
    .addHelpText(
      "after",
      examples(["keyferry plan rule kv-prod --mounts my-kv --paths 'app/**'", "what it would add"]),
    )
    .action(act<RuleOptions>(planRule));
  plan
    .command("approval")
    .description("The approval of every held delete of a destination")
    .argument("<destination>", "whose")
    .addHelpText("after", examples(["keyferry plan approval kv-prod", "then keyferry held list kv-prod"]))
    .action(
      act((context, _options, [given = ""]) =>
        ask(context, `${PATH}/approvals/azure-kv/${parseDestination(given)}`, {}),
      ),
    );
}

function planDestination(context: Context, options: DestinationOptions, [given = ""]: readonly string[]) {
  const { uri, tenant, client, template, granularity, tags, mount, path } = options;
  const body = onlyGiven({
    key_vault_uri: uri,
    tenant_id: tenant,
    client_id: client,
    secret_name_template: template,
    granularity,
    custom_tags: tags,
    mount,
    path,
  });
  const name = parseDestination(given);
  return ask(context, `${PATH}/destinations/azure-kv/${name}`, body).catch((error: unknown) => {
    // Of one that is there nothing of this can be missing.
    if (!(error instanceof Failure) || !error.message.includes("key_vault_uri is missing")) throw error;
    throw new Failure(
      EXIT.absent,
      `There is no destination ${name}`,
      "keyferry status lists them. For a new one give --uri, --tenant and --client.",
    );
  });
}

function planRule(
  context: Context,
  { mounts, paths, metadata }: RuleOptions,
  [given = ""]: readonly string[],
) {
  const body = onlyGiven({ destination: parseDestination(given), mounts, paths, custom_metadata: metadata });
  return ask(context, `${PATH}/rules`, body);
}

async function ask({ api, show }: Context, path: string, body: Data): Promise<ExitCode> {
  const data = await api.call("PUT", path, { body });
  show(data, () => planText(data));
  return numberOf(partOf(data, "counts"), "refuse") > 0 ? EXIT.findings : EXIT.done;
}

function planText(data: Data): string {
  const actions = listOf(data, "actions");
  const counts = partOf(data, "counts");
  const calls = partOf(data, "calls");
  const counted = COUNTED.filter((kind) => numberOf(counts, kind) > 0).map(
    (kind) => `${numberOf(counts, kind)} ${kind}`,
  );
  const notes = data["notes"];
  return [
    ...(actions.length === 0
      ? []
      : [
          tableOf(
            ["would", "secret", "name in key vault", "why"],
            actions.map((one) => [
              textOf(one, "kind"),
              textOf(one, "secret"),
              textOf(one, "name"),
              textOf(one, "why"),
            ]),
          ),
        ]),
    `${counted.length === 0 ? "Nothing would change" : counted.join(", ")}. ${numberOf(calls, "creates")} creates and ${numberOf(calls, "others")} other calls: about ${durationText(numberOf(data, "seconds") * 1_000)} at Azure's limits. Nothing was done.`,
    ...(Array.isArray(notes) ? notes.map(String) : []),
  ].join("\n\n");
}

function onlyGiven(fields: Readonly<Record<string, unknown>>): Data {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
