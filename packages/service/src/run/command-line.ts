// Owns: what a service's command line may say.
import { parseArgs } from "node:util";

export type Command =
  | { kind: "run"; configFile: string }
  | { kind: "help" }
  | { kind: "version" }
  | { kind: "wrong"; problem: string };

const CONFIG_VARIABLE = "KEYFERRY_CONFIG";
const DEFAULT_CONFIG_FILE = "keyferry.yaml";

/** Reads the arguments (without node and script). The file comes from `--config`, else the environment, else `./`. */
export function parseCommandLine(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Command {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        config: { type: "string", short: "c" },
        help: { type: "boolean", short: "h" },
        version: { type: "boolean", short: "v" },
      },
      allowPositionals: false,
      strict: true,
    });
    if (values.help === true) return { kind: "help" };
    if (values.version === true) return { kind: "version" };
    const fromEnvironment = environment[CONFIG_VARIABLE];
    return { kind: "run", configFile: values.config ?? (fromEnvironment || DEFAULT_CONFIG_FILE) };
  } catch (error) {
    // parseArgs quotes the argument, which its author has just typed: nothing secret belongs there.
    return { kind: "wrong", problem: error instanceof Error ? error.message : "unreadable arguments" };
  }
}

/** What `--help` prints. */
export function helpText(name: string): string {
  return [
    `Usage: ${name} [--config FILE]`,
    "",
    `  -c, --config FILE   configuration (default: $${CONFIG_VARIABLE}, else ./${DEFAULT_CONFIG_FILE})`,
    "  -v, --version       print the version",
    "  -h, --help          print this",
    "",
    "Exit codes: 0 stopped as asked, 1 failed, 2 the configuration or the command line is wrong.",
    "",
  ].join("\n");
}
