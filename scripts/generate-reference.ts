// Writes the generated pages of docs/reference/ anew: after a change of a configuration key or an error code.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { generatedPages } from "./reference/pages.ts";
import { ROOT } from "./repository-files.ts";

for (const { path, text } of await generatedPages()) {
  mkdirSync(dirname(join(ROOT, path)), { recursive: true });
  writeFileSync(join(ROOT, path), text);
  process.stdout.write(`wrote ${path}\n`);
}
