// Owns: what a section's raw tree becomes before its schema judges it: unset keys left out, environment fallbacks filled
// in, text of references turned into the number or list that the key wants, paths made absolute. Pure.
import { resolve } from "node:path";
import { formatPath } from "./faults.ts";
import type { KeyNode } from "./key-facts.ts";
import { isTree } from "./tree.ts";

export interface NormaliseContext {
  /** Paths whose text a reference brought in: only those are converted, a quoted "5" in the file stays a string. */
  readonly referenced: ReadonlySet<string>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The configuration file's folder, absolute. */
  readonly folder: string;
}

/** Brings one value into the form that its schema judges. Unknown keys stay, for the schema to refuse. */
export function normalise(
  value: unknown,
  node: KeyNode | undefined,
  path: readonly PropertyKey[],
  context: NormaliseContext,
): unknown {
  if (node?.type === "object") return normaliseObject(value, node, path, context);
  if (node?.type === "array") {
    const entries = asList(value, path, context);
    if (!Array.isArray(entries)) return entries;
    return entries.map((entry: unknown, index) => normalise(entry, node.items, [...path, index], context));
  }
  if (typeof value !== "string") return value;
  if (node?.["x-file"] !== undefined) return resolve(context.folder, value);
  return context.referenced.has(formatPath(path)) ? convert(value, node) : value;
}

function normaliseObject(
  value: unknown,
  node: KeyNode,
  path: readonly PropertyKey[],
  context: NormaliseContext,
): unknown {
  // `log:` with nothing below it reads as null: the same as a section that is not there.
  if (!isTree(value) && !isUnset(value)) return value;
  const result: Record<string, unknown> = {};
  for (const [key, raw] of Object.entries(isTree(value) ? value : {})) {
    const entry = normalise(raw, node.properties?.[key], [...path, key], context);
    if (!isUnset(entry) || node.properties?.[key] === undefined) result[key] = entry;
  }
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    if (Object.hasOwn(result, key)) continue;
    const variable = child["x-environment"];
    const fallback = variable === undefined ? undefined : context.environment[variable];
    if (fallback !== undefined && fallback !== "") result[key] = fallback;
    // A group that holds environment fallbacks or required keys has to be entered even where the file leaves it out.
    else if (child.type === "object" && isEntered(child)) {
      result[key] = normaliseObject(undefined, child, [...path, key], context);
    }
  }
  return result;
}

/** Groups with a default are always there; a group without one (the emulator) only where the file has it. */
function isEntered(group: KeyNode): boolean {
  return group.default !== undefined;
}

// An empty string says "not set" everywhere: it is what `${NAME:-}` gives, and no key means anything by it.
function isUnset(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}

// `${NATS_SERVERS}` can hold several, separated by commas: an environment variable has no other way to be a list.
function asList(value: unknown, path: readonly PropertyKey[], context: NormaliseContext): unknown {
  if (typeof value !== "string" || value === "" || !context.referenced.has(formatPath(path))) return value;
  return value.split(",").map((entry) => entry.trim());
}

function convert(value: string, node: KeyNode | undefined): unknown {
  if (node?.type === "boolean" && (value === "true" || value === "false")) return value === "true";
  const isNumber = node?.type === "integer" || node?.type === "number";
  if (isNumber && /^-?\d{1,15}(?:\.\d+)?$/.test(value)) return Number(value);
  return value;
}
