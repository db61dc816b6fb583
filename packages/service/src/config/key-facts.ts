// Owns: the sections' schemas seen as JSON Schema, which is the form in which their documentation, the editors' schema
// and the reader ask what a key is. zod's own internals are not looked at.
import { z } from "zod";

/** The part of JSON Schema that our sections use, with the facts of fields.ts. */
export interface KeyNode {
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly properties?: Readonly<Record<string, KeyNode>>;
  readonly required?: readonly string[];
  readonly items?: KeyNode;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly description?: string;
  readonly "x-unit"?: string;
  readonly "x-example"?: string;
  readonly "x-environment"?: string;
  readonly "x-secret"?: boolean;
  readonly "x-file"?: "must-exist" | "may-come";
}

/** A section's keys as a person writes them (before defaults and conversions). */
export function keysOf(schema: z.ZodType): KeyNode {
  return z.toJSONSchema(schema, { io: "input" }) as KeyNode;
}

/** The node at a path; undefined where the schema has none. */
export function nodeAt(node: KeyNode, path: readonly PropertyKey[]): KeyNode | undefined {
  let found: KeyNode | undefined = node;
  for (const part of path) {
    if (found === undefined) return undefined;
    if (typeof part === "number") found = found.items;
    else found = Object.hasOwn(found.properties ?? {}, part) ? found.properties?.[String(part)] : undefined;
  }
  return found;
}

/** A key that holds a value, not further keys. */
export interface Leaf {
  readonly path: readonly string[];
  readonly node: KeyNode;
  /** Has to be set in every file, not only where its group is there. */
  readonly required: boolean;
}

/** Every leaf with its path, in the order of the schema. */
export function leavesOf(node: KeyNode, path: readonly string[] = [], isOptional = false): Leaf[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const below = [...path, key];
    const isRequired = node.required?.includes(key) ?? false;
    if (child.properties === undefined)
      return [{ path: below, node: child, required: isRequired && !isOptional }];
    return leavesOf(child, below, isOptional || (!isRequired && child.default === undefined));
  });
}
