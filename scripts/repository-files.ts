// Owns: reading the repository's files for the checks. By a walk and not by git, which an unpacked archive has not.
import { globSync, readFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { RepositoryFiles } from "./boundaries/tree.ts";

/** The repository's root folder. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const TEXT = /\.(?:ts|mts|mjs|js|json|md|ya?ml)$/;
// What .gitignore names: made by tools, nobody's source.
const GENERATED = new Set(["node_modules", ".git", ".keyferry", ".turbo", "coverage", "dist"]);

/** Every text file of the repository by path; other files with an empty text, so that links to them resolve. */
export function readRepository(root: string = ROOT): RepositoryFiles {
  const entries = globSync("**", {
    cwd: root,
    withFileTypes: true,
    exclude: (entry) => GENERATED.has(entry.name),
  });
  const files = new Map<string, string>();
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(root.length + 1).replaceAll(sep, "/");
    files.set(name, TEXT.test(name) ? readFileSync(path, "utf8") : "");
  }
  return files;
}
