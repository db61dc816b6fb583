// The command: `npm run simulate -- --help`. Registers the swapped modules and then loads everything else.
import { readArguments, USAGE } from "./run/arguments.ts";
import { MUTATIONS } from "./mutations/mutations.ts";
import { registerSwaps } from "./swap/hooks.ts";

const parsed = readArguments(process.argv.slice(2));
if (parsed.kind === "help") {
  process.stdout.write(USAGE);
} else if (parsed.kind === "wrong") {
  process.stderr.write(`${parsed.why}\n\n${USAGE}`);
  process.exitCode = 2;
} else {
  const { options } = parsed;
  registerSwaps(
    options.mutation === undefined ? undefined : MUTATIONS.find(({ name }) => name === options.mutation),
  );
  const { runCommand } = await import("./run/command.ts");
  process.exitCode = await runCommand(options);
}
