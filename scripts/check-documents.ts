// Checks what documents promise: prints one line per fault and exits with 1 if there is any.
import { CATALOGUE } from "@keyferry/errors";
import { checkDocuments, formatFault } from "./documents/check.ts";
import { generatedPages } from "./reference/pages.ts";
import { readRepository } from "./repository-files.ts";

const files = readRepository();
const faults = checkDocuments(files, { errorCodes: Object.keys(CATALOGUE) }).map(formatFault);
const stale = (await generatedPages()).filter(({ path, text }) => files.get(path) !== text);
const told = [...faults, ...stale.map(({ path }) => `${path}:1 is stale: run \`npm run reference\``)];
for (const line of told) process.stdout.write(`${line}\n`);
process.stdout.write(`documents: ${told.length === 0 ? "in order" : `${told.length} faults`}\n`);
process.exitCode = told.length === 0 ? 0 : 1;
