// Owns: `${NAME}`, `${NAME:-default}` and `file:` in strings. Does not own: which keys there are.
// Invariants: what a reference brings in is taken as it is, never expanded again, so that a secret that happens to
// hold `${` or begin with `file:` is itself; all faults are collected.
import { type ConfigFault, formatPath } from "./faults.ts";
import { isTree } from "./tree.ts";

/** Where references lead. */
export interface ReferenceSources {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Reads a whole small file, relative to the configuration file; rejects if it cannot. */
  readonly readText: (path: string) => Promise<string>;
}

export interface Expanded {
  readonly value: unknown;
  /** Paths (as `formatPath` writes them) whose text a reference brought in. */
  readonly referenced: ReadonlySet<string>;
  readonly faults: readonly ConfigFault[];
}

interface Expansion extends ReferenceSources {
  readonly referenced: Set<string>;
  readonly faults: ConfigFault[];
}

const FILE_PREFIX = "file:";
const DEPTH_MAX = 20; // keyferry.yaml is five deep; YAML aliases can nest without end

/** Replaces every reference in a tree. A string whose reference fails becomes undefined and has a fault. */
export async function expandReferences(tree: unknown, sources: ReferenceSources): Promise<Expanded> {
  const expansion: Expansion = { ...sources, referenced: new Set(), faults: [] };
  const value = await expandValue(tree, [], expansion);
  return { value, referenced: expansion.referenced, faults: expansion.faults };
}

async function expandValue(
  value: unknown,
  path: readonly PropertyKey[],
  expansion: Expansion,
): Promise<unknown> {
  if (typeof value === "string") return expandText(value, formatPath(path), expansion);
  if (path.length > DEPTH_MAX) return value;
  if (Array.isArray(value)) {
    return Promise.all(value.map((entry: unknown, index) => expandValue(entry, [...path, index], expansion)));
  }
  if (isTree(value)) {
    const entries = Object.entries(value).map(async ([key, entry]) => {
      return [key, await expandValue(entry, [...path, key], expansion)] as const;
    });
    return Object.fromEntries(await Promise.all(entries));
  }
  return value;
}

async function expandText(raw: string, path: string, expansion: Expansion): Promise<string | undefined> {
  const { text, missing, malformed } = expandVariables(raw, expansion.environment);
  if (text !== raw || raw.startsWith(FILE_PREFIX)) expansion.referenced.add(path);
  for (const name of missing) {
    expansion.faults.push({
      path,
      problem: `refers to the environment variable ${name}, which is not set`,
      fix: `Set ${name}, or give a default: \${${name}:-default}.`,
    });
  }
  if (malformed) {
    expansion.faults.push({
      path,
      problem: "has a '${' that is no reference",
      fix: "Write ${NAME} or ${NAME:-default} with a NAME of letters, digits and '_'; a literal '${' is written '$${'.",
    });
  }
  if (missing.length > 0 || malformed) return undefined;
  return raw.startsWith(FILE_PREFIX) ? readReference(text.slice(FILE_PREFIX.length), path, expansion) : text;
}

async function readReference(file: string, path: string, expansion: Expansion): Promise<string | undefined> {
  try {
    // One trailing newline is what editors and `kubectl create secret --from-file` leave behind.
    return (await expansion.readText(file)).replace(/\r?\n$/, "");
  } catch (error) {
    expansion.faults.push({
      path,
      problem: `refers to the file ${file}, which ${whyUnreadable(error)}`,
      fix: "Create the file, or let this process's user read it.",
    });
    return undefined;
  }
}

/** Why a file could not be read, in words that continue "which …". */
export function whyUnreadable(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "does not exist";
  if (code === "EACCES" || code === "EPERM") return "this process may not read";
  if (code === "EISDIR") return "is a folder";
  if (code === "EFBIG") return "is too large";
  return `cannot be read (${typeof code === "string" ? code : "unknown reason"})`;
}

// In this order: the escaped form, a reference, and any other `${`, which is a mistake.
const REFERENCE = /\$\$\{|\$\{(?<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?<fallback>[^}]*))?\}|(?<malformed>\$\{)/g;

function expandVariables(
  raw: string,
  environment: ReferenceSources["environment"],
): { text: string; missing: string[]; malformed: boolean } {
  const missing: string[] = [];
  let malformed = false;
  const text = raw.replaceAll(REFERENCE, (whole: string, ...rest: unknown[]) => {
    if (whole === "$${") return "${";
    const groups = rest.at(-1) as { name?: string; fallback?: string };
    if (groups.name === undefined) {
      malformed = true;
      return whole;
    }
    const value = environment[groups.name];
    // As in a shell: the default also stands in for a variable that is set but empty.
    if (groups.fallback !== undefined) return value === undefined || value === "" ? groups.fallback : value;
    if (value === undefined) missing.push(groups.name);
    return value ?? "";
  });
  return { text, missing, malformed };
}
