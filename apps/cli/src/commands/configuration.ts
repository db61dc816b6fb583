// Owns: `keyferry export`, `import` and `apply`: the whole configuration as one file.

import { stringify } from "yaml";
import type { Data } from "../api-client.ts";
import { type Adder, type Context, examples } from "../command.ts";
import {
  type Configuration,
  readConfiguration,
  type Step,
  stepsFor,
} from "../configuration/configuration.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { Failure, usageFailure } from "../failure.ts";
import { tableOf } from "../output.ts";
import { listOf, textOf } from "../rows.ts";

interface ApplyOptions {
  readonly file?: string;
  readonly plan?: true;
  readonly prune?: true;
}

const SYNC = "sys/sync";
const ABOUT_FILE = `
The file is YAML as \`keyferry export\` prints it. It never holds a credential: a new destination takes that of the
sink's environment, or names a variable of this command's environment by client_secret_env.
`;

/** Adds the commands. */
export function addConfiguration({ program, act }: Adder): void {
  program
    .command("export")
    .description("Prints destinations, associations and rules as one YAML file, without credentials")
    .addHelpText("after", examples(["keyferry export > keyferry-sync.yaml", "a file for import or apply"]))
    .action(act(exportAll));
  program
    .command("import")
    .description("Makes and changes what a file has; takes nothing away")
    .argument("<file>", "as `keyferry export` prints it; - for stdin")
    .option("--plan", "only show what would be done")
    .addHelpText(
      "after",
      `${ABOUT_FILE}${examples(["keyferry import keyferry-sync.yaml --plan", "look first"])}`,
    )
    .action(act<ApplyOptions>((context, options, [file = ""]) => apply(context, file, options)));
  program
    .command("apply")
    .description("Makes the configuration what a file says: declarative, and nothing the second time")
    .requiredOption("-f, --file <file>", "as `keyferry export` prints it; - for stdin")
    .option("--prune", "also take away what the file does not have")
    .option("--plan", "only show what would be done; ends with 1 if there is something")
    .addHelpText(
      "after",
      `${ABOUT_FILE}${examples(
        ["keyferry apply -f keyferry-sync.yaml --plan", "what differs, for a pull request"],
        ["keyferry apply -f keyferry-sync.yaml --prune", "for GitOps"],
      )}`,
    )
    .action(act<ApplyOptions>((context, options) => apply(context, options.file ?? "", options)));
}

async function exportAll({ api, show }: Context): Promise<void> {
  const data = await api.call("GET", `${SYNC}/export`);
  // A file is what this is for, so the table is YAML.
  show(data, () => stringify(data));
}

async function apply(context: Context, file: string, { plan, prune }: ApplyOptions): Promise<ExitCode> {
  const { api, io, show, note } = context;
  const text = file === "-" ? await io.readStdin() : await io.readFile(file);
  if (text === undefined)
    throw usageFailure(`There is no file ${file}`, "`keyferry export > FILE` makes one.");
  const wished = readConfiguration(text, file === "-" ? "stdin" : file);
  const current = currentOf(await api.call("GET", `${SYNC}/export`));
  const steps = stepsFor(current, wished, prune === true);
  const shown = steps.map(({ action, kind, name, ...rest }) => ({
    action,
    kind,
    name,
    changes: "changes" in rest ? rest.changes : [],
  }));
  if (plan !== true) {
    for (const [done, step] of steps.entries()) {
      await run(context, step).catch((error: unknown) => {
        note(`${done} of ${steps.length} done before this:`);
        throw error;
      });
    }
  }
  show({ applied: plan !== true, steps: shown }, () => stepsText(shown, plan === true));
  return plan === true && steps.length > 0 ? EXIT.findings : EXIT.done;
}

function currentOf(data: Data): Configuration {
  return {
    destinations: listOf(data, "destinations"),
    associations: listOf(data, "associations").map((one) => ({
      destination: textOf(one, "destination") ?? "",
      mount: textOf(one, "mount") ?? "",
      secret_name: textOf(one, "secret_name") ?? "",
    })),
    rules: listOf(data, "rules"),
  };
}

async function run({ api, io }: Context, step: Step): Promise<void> {
  switch (step.kind) {
    case "destination": {
      const path = `${SYNC}/destinations/azure-kv/${step.name}`;
      if (step.action === "remove") return void (await api.call("DELETE", path));
      const { name: _, client_secret_env: variable, ...fields } = step.fields;
      const body = { ...fields, ...secretOf(io.env, step.name, variable) };
      return void (await api.call(step.action === "create" ? "PUT" : "PATCH", path, { body }));
    }
    case "association": {
      const { destination, mount, secret_name } = step.association;
      const what = step.action === "create" ? "set" : "remove";
      const path = `${SYNC}/destinations/azure-kv/${destination}/associations/${what}`;
      return void (await api.call("PUT", path, { body: { mount, secret_name } }));
    }
    case "rule": {
      const path = `${SYNC}/rules/azure-kv/${step.name}`;
      if (step.action === "remove") return void (await api.call("DELETE", path));
      const { name: _, destination: _destination, ...body } = step.fields;
      return void (await api.call("PUT", path, { body }));
    }
  }
}

function secretOf(env: Readonly<Record<string, string | undefined>>, name: string, variable: unknown): Data {
  if (typeof variable !== "string") return {};
  const secret = env[variable];
  if (secret === undefined || secret === "") {
    throw new Failure(
      EXIT.usage,
      `${variable} is not set, from which ${name} takes its client secret`,
      `export ${variable}=…`,
    );
  }
  return { client_secret: secret };
}

function stepsText(
  steps: readonly { action: string; kind: string; name: string; changes: readonly string[] }[],
  planned: boolean,
): string {
  if (steps.length === 0) return "Nothing differs.";
  const table = tableOf(
    [planned ? "would" : "did", "what", "name", "changes"],
    steps.map(({ action, kind, name, changes }) => [
      action,
      kind,
      name,
      action === "update" ? changes.join("; ") : "",
    ]),
  );
  return `${table}\n\nSteps: ${steps.length}. ${planned ? "Nothing was done." : "Done."}`;
}
