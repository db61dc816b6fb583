// Runs the suites on the models, in a process in which the modules are swapped, and prints what they saw as JSON.
import { registerSwaps } from "../../src/swap/hooks.ts";

registerSwaps(undefined);
const { runOnModels } = await import("./on-models.ts");
process.stdout.write(JSON.stringify(await runOnModels()));
