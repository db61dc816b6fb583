// Owns: the configuration as the file has it: plain data whose shape nobody has checked.

export type Tree = Readonly<Record<string, unknown>>;

/** Whether a value is a mapping (not a list, not null). */
export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value at a path; undefined where there is none. */
export function valueAt(tree: unknown, path: readonly PropertyKey[]): unknown {
  let value = tree;
  for (const part of path) {
    if (Array.isArray(value) && typeof part === "number") value = value[part];
    else if (isTree(value) && typeof part === "string" && Object.hasOwn(value, part)) value = value[part];
    else return undefined;
  }
  return value;
}
