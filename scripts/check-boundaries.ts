// Holds the direction of imports: prints one line per breach and exits with 1 if there is any.
import { checkBoundaries, formatBreach } from "./boundaries/check.ts";
import { readRepository } from "./repository-files.ts";

const breaches = checkBoundaries(readRepository());
for (const breach of breaches) process.stdout.write(`${formatBreach(breach)}\n`);
process.stdout.write(`boundaries: ${breaches.length === 0 ? "held" : `${breaches.length} breaches`}\n`);
process.exitCode = breaches.length === 0 ? 0 : 1;
