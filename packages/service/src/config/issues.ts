// Owns: zod's issues in our words, each with a fix.
import { assertNever } from "@keyferry/errors";
import type { z } from "zod";
import { type ConfigFault, formatPath } from "./faults.ts";
import { type KeyNode, nodeAt } from "./key-facts.ts";
import { nearest } from "./suggest.ts";
import { valueAt } from "./tree.ts";

/** The faults that one issue stands for: several where it lists several unknown keys. */
export function faultsOf(issue: z.core.$ZodIssue, keys: KeyNode, tree: unknown): readonly ConfigFault[] {
  const path = formatPath(issue.path);
  const node = nodeAt(keys, issue.path);
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey([...issue.path, key], node));
    case "invalid_type": {
      const value = valueAt(tree, issue.path);
      if (value === undefined) return [missing(issue.path, node)];
      return [{ path, problem: `is ${kindOf(value)}, not ${wanted(node)}`, fix: fixFor(node) }];
    }
    case "too_small":
    case "too_big":
      return [{ path, problem: outOfRange(issue), fix: fixFor(node) }];
    case "invalid_value":
      return [{ path, problem: "is not one of the words that this key takes", fix: fixFor(node) }];
    case "custom": {
      const fix: unknown = issue.params?.["fix"];
      return [{ path, problem: issue.message, fix: typeof fix === "string" ? fix : fixFor(node) }];
    }
    case "invalid_element":
    case "invalid_format":
    case "invalid_key":
    case "invalid_union":
    case "not_multiple_of":
      return [{ path, problem: "is not valid", fix: fixFor(node) }];
    default:
      return assertNever(issue);
  }
}

/** The fault of a key that nothing is known about. */
export function unknownKey(path: readonly PropertyKey[], parent: KeyNode | undefined): ConfigFault {
  const known = Object.keys(parent?.properties ?? {});
  const meant = nearest(String(path.at(-1)), known);
  const fix =
    meant === undefined
      ? `Remove it. Keys that exist here: ${known.join(", ")}.`
      : `Did you mean ${formatPath([...path.slice(0, -1), meant])}?`;
  return { path: formatPath(path), problem: "is not a key that exists", fix };
}

function missing(path: readonly PropertyKey[], node: KeyNode | undefined): ConfigFault {
  const example = node?.["x-example"];
  const shown = example === undefined ? "Set it." : `Set it, as \`${String(path.at(-1))}: ${example}\`.`;
  return {
    path: formatPath(path),
    problem: "is missing or empty",
    fix: `${shown} ${node?.description ?? ""}`.trimEnd(),
  };
}

function outOfRange(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  const isSmall = issue.code === "too_small";
  if (issue.origin === "array")
    return isSmall ? "is an empty list" : `has more than ${issue.maximum} entries`;
  if (issue.origin === "string") return isSmall ? "is empty" : "is too long";
  return isSmall ? `is below ${issue.minimum}` : `is above ${issue.maximum}`;
}

function kindOf(value: unknown): string {
  if (value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a group of keys";
  if (typeof value === "number") return Number.isInteger(value) ? "a number" : "a number with a fraction";
  return typeof value === "boolean" ? "true or false" : "text";
}

const WANTED = {
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
  array: "a list",
  object: "a group of keys",
  string: "text",
} as const satisfies Record<NonNullable<KeyNode["type"]>, string>;

/** What a key takes, in words. */
function wanted(node: KeyNode | undefined): string {
  return WANTED[node?.type ?? "string"];
}

function fixFor(node: KeyNode | undefined): string {
  if (node?.enum !== undefined) return `Write one of: ${node.enum.join(", ")}.`;
  if (node?.type === "object")
    return `Write the keys below it, indented: ${Object.keys(node.properties ?? {}).join(", ")}.`;
  if (node?.minimum !== undefined && node.maximum !== undefined) {
    const unit = node["x-unit"] === undefined ? "" : ` (${node["x-unit"]})`;
    return `Write a whole number from ${node.minimum} to ${node.maximum}${unit}.`;
  }
  if (node?.type === "array") return `Write a list, as ${node["x-example"] ?? "[a, b]"}.`;
  return `Write ${wanted(node)}${node?.type === "string" ? ", in quotes where YAML would read it as something else" : ""}.`;
}
