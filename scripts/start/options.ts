import { parseArgs } from "node:util";

export interface StartOptions {
  /** End after the demonstration. */
  readonly once: boolean;
  /** Run the services on this configuration instead of a stack of our own. */
  readonly configFile: string | undefined;
  readonly help: boolean;
}

export const HELP = `Usage: npm start [-- OPTIONS]

Starts OpenBao, NATS, Redis, a Key Vault emulator and Keyferry's three services on free loopback ports, shows the main
job once (a secret's way into Key Vault), prints where everything listens, and stays up until Ctrl-C.

Options:
  --once          end after the demonstration; exit code 0 only if each step was seen in Key Vault
  --config FILE   run the three services on FILE against servers that exist (a real Vault, a real Azure); no demonstration
  --help          this text

Examples:
  npm start
  npm start -- --once
  npm start -- --config keyferry.yaml

Everything that runs writes below .keyferry/runs/ (data, configuration, one log file each).
`;

/** Reads the command line. Throws an Error that names what is wrong. */
export function parseOptions(args: readonly string[]): StartOptions {
  const { values } = parseArgs({
    args: [...args],
    options: { once: { type: "boolean" }, config: { type: "string" }, help: { type: "boolean", short: "h" } },
    strict: true,
  });
  if (values.once === true && values.config !== undefined) {
    throw new Error(
      "--once and --config exclude each other: with --config there is no demonstration to end after",
    );
  }
  return { once: values.once ?? false, configFile: values.config, help: values.help ?? false };
}
