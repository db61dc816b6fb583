// Holds the direction of imports: prints one line per breach and exits with 1 if there is any.
import { checkBoundaries, formatBreach, staleRules } from "./boundaries/check.ts";
import { readRepository } from "./repository-files.ts";

const files = readRepository();
const breaches = [...checkBoundaries(files), ...staleRules(files)];
for (const breach of breaches) process.stdout.write(`${formatBreach(breach)}\n`);
process.stdout.write(`boundaries: ${breaches.length === 0 ? "held" : `${breaches.length} breaches`}\n`);
process.exitCode = breaches.length === 0 ? 0 : 1;
