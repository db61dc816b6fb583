// Owns: `keyferry rules`: patterns that make and remove a destination's associations.

import type { Data } from "../api-client.ts";
import { type Adder, type Context, examples, readingEach } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { Failure, usageFailure } from "../failure.ts";
import { factsOf, tableOf } from "../output.ts";
import { parseDestination, parseGlob, parsePair } from "../parse/names.ts";
import { numberOf, partOf, textOf } from "../rows.ts";

interface SetOptions {
  readonly mounts: readonly string[];
  readonly paths?: readonly string[];
  readonly metadata?: readonly string[];
  readonly template?: string;
  readonly granularity?: string;
  readonly tags?: readonly string[];
}

const RULES = "sys/sync/rules/azure-kv";

/** Adds the commands. */
export function addRules({ program, act }: Adder): void {
  const rules = program
    .command("rules")
    .description("Patterns over mounts, paths and custom metadata that make a destination's associations")
    .addHelpText(
      "after",
      examples(
        ["keyferry rules list", "what there is"],
        ["keyferry plan rule kv-prod --mounts my-kv", "before one is set"],
      ),
    );
  rules
    .command("list")
    .description("Lists them, with how many associations each makes")
    .argument("[destination]", "whose; without it, of every destination")
    .addHelpText("after", examples(["keyferry rules list kv-prod", "of one destination"]))
    .action(act(list));
  rules
    .command("show")
    .description("Shows one")
    .argument("<destination>", "whose")
    .argument("<rule>", "as `keyferry rules list` shows it")
    .addHelpText("after", examples(["keyferry rules show kv-prod team-a", "its globs and its names"]))
    .action(act(showOne));
  rules
    .command("set")
    .description("Makes a rule, or replaces one: what is left out takes the destination's own")
    .argument("<destination>", "whose")
    .argument("<rule>", "its name")
    .requiredOption("--mounts <globs...>", "globs over mounts")
    .option("--paths <globs...>", "globs over paths: * within a part, ** across", readingEach(parseGlob))
    .option("--metadata <key=glob...>", "globs over the secrets' own custom metadata", readingEach(parsePair))
    .option("--template <template>", "secret_name_template")
    .option("--granularity <level>", "secret-path or secret-key")
    .option("--tags <key=value...>", "custom_tags", readingEach(parsePair))
    .addHelpText(
      "after",
      `
It takes a policy with sudo on the rule's path: a rule reaches secrets that its writer may not read. What a rule no
longer covers is removed within the destination's delete budget. Look first: keyferry plan rule.
${examples([
  "keyferry rules set kv-prod team-a --mounts my-kv --paths 'team-a/**'",
  "every secret below team-a",
])}`,
    )
    .action(act<SetOptions>(set));
  rules
    .command("remove")
    .description("Takes a rule away, and what it alone makes")
    .argument("<destination>", "whose")
    .argument("<rule>", "its name")
    .addHelpText(
      "after",
      examples(["keyferry rules remove kv-prod team-a", "then keyferry held list kv-prod"]),
    )
    .action(act(remove));
}

async function list({ api, show }: Context, _options: object, [given]: readonly string[]): Promise<void> {
  const names = given === undefined ? await destinationsOf(api) : [parseDestination(given)];
  const rules: Data[] = [];
  for (const name of names) {
    // Of a destination without rules there is nothing to list; of one that is not there, the status says so.
    const data = await api.find("LIST", `${RULES}/${name}`);
    if (data === undefined && given !== undefined) await api.call("GET", statusPath(name));
    for (const [rule, info] of Object.entries(partOf(data, "key_info"))) {
      const { mounts } = info as Data;
      rules.push({ destination: name, name: rule, mounts, associations: numberOf(info, "associations") });
    }
  }
  show({ rules }, () =>
    rules.length === 0
      ? "There are none."
      : tableOf(
          ["destination", "rule", "mounts", "associations"],
          rules.map((rule) => [
            textOf(rule, "destination"),
            textOf(rule, "name"),
            textsOf(rule["mounts"]),
            numberOf(rule, "associations"),
          ]),
        ),
  );
}

async function showOne(context: Context, _options: object, given: readonly string[]): Promise<ExitCode> {
  const { destination, rule } = namesOf(given);
  const data = await context.api.find("GET", `${RULES}/${destination}/${rule}`);
  if (data === undefined) throw await noSuchRule(context, destination, rule);
  context.show(data, () => ruleText(data));
  return EXIT.done;
}

async function set(context: Context, options: SetOptions, given: readonly string[]): Promise<ExitCode> {
  const { destination, rule } = namesOf(given);
  const { mounts, paths, metadata, template, granularity, tags } = options;
  const fields = {
    mounts,
    paths,
    custom_metadata: metadata,
    secret_name_template: template,
    granularity,
    custom_tags: tags,
  };
  const body = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  await context.api.call("GET", statusPath(destination));
  const data = await context.api.call("PUT", `${RULES}/${destination}/${rule}`, { body });
  context.show(data, () => ruleText(data));
  return EXIT.done;
}

async function remove(context: Context, _options: object, given: readonly string[]): Promise<ExitCode> {
  const { destination, rule } = namesOf(given);
  const path = `${RULES}/${destination}/${rule}`;
  const before = await context.api.find("GET", path);
  if (before === undefined) throw await noSuchRule(context, destination, rule);
  await context.api.call("DELETE", path);
  const made = numberOf(before, "associations");
  context.show(
    { destination, rule, removed: true, associations: made },
    () =>
      `Removed. The associations that it alone made (${made}) go within the delete budget: keyferry status ${destination}, keyferry held list ${destination}.`,
  );
  return EXIT.done;
}

async function destinationsOf(api: Context["api"]): Promise<readonly string[]> {
  const data = await api.find("LIST", "sys/sync/destinations/azure-kv");
  const keys = data?.["keys"];
  return Array.isArray(keys) ? keys.map(String).sort() : [];
}

async function noSuchRule({ api }: Context, destination: string, rule: string): Promise<Failure> {
  // Its own words, if it is the destination that is not there.
  await api.call("GET", statusPath(destination));
  const data = await api.find("LIST", `${RULES}/${destination}`);
  const keys = data?.["keys"];
  const known =
    Array.isArray(keys) && keys.length > 0 ? `there are ${keys.map(String).join(", ")}` : "it has none";
  return new Failure(EXIT.absent, `There is no rule ${rule} of ${destination}: ${known}`);
}

function statusPath(destination: string): string {
  return `sys/sync/status/destinations/azure-kv/${destination}`;
}

function namesOf([destination = "", rule = ""]: readonly string[]) {
  if (!/^\w(?:[\w.-]*\w)?$/.test(rule)) {
    throw usageFailure(
      `'${rule}' is not a rule's name`,
      "Names have letters, digits and '_', with '-' and '.' inside. `keyferry rules list` lists them.",
    );
  }
  return { destination: parseDestination(destination), rule };
}

function ruleText(rule: Data): string {
  return factsOf([
    ["rule", textOf(rule, "name")],
    ["destination", textOf(partOf(rule, "destination"), "name")],
    ["mounts", textsOf(rule["mounts"])],
    ["paths", textsOf(rule["paths"]) || "all"],
    ["custom metadata", pairsText(partOf(rule, "custom_metadata"))],
    ["granularity", textOf(rule, "granularity")],
    ["template", textOf(rule, "secret_name_template")],
    ["tags", pairsText(partOf(rule, "custom_tags"))],
    ["associations", numberOf(rule, "associations")],
    ["excluded", numberOf(rule, "excluded")],
  ]);
}

function textsOf(value: unknown): string {
  return Array.isArray(value) ? value.map(String).join(", ") : "";
}

function pairsText(pairs: Data): string {
  return Object.entries(pairs)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(", ");
}
