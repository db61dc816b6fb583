// Owns: what a source file imports and says, found by a parser and not by patterns, so that comments and strings that
// look like code are no breach. Does not own which of it is allowed (check.ts).
import { parseAst } from "rolldown/parseAst";

/** One import, re-export, dynamic import or `import("x").Type`. */
export interface ImportFound {
  readonly specifier: string;
  /** Imported names; empty for side effects, namespaces and dynamic imports. */
  readonly names: readonly string[];
  /** Erased before it runs. */
  readonly isTypeOnly: boolean;
  readonly line: number;
}

export interface Occurrence {
  readonly text: string;
  readonly line: number;
}

/** What one file holds that a rule may be about. */
export interface ModuleFacts {
  readonly imports: readonly ImportFound[];
  /** Texts of string literals and the first parts of templates. */
  readonly texts: readonly Occurrence[];
  /** `object.member` and names of called functions; `new Date` where it has no argument. */
  readonly uses: readonly Occurrence[];
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly [key: string]: unknown;
}

/** Parses one file. Throws a SyntaxError that names the file, if it is not TypeScript. */
export function readModule(path: string, source: string): ModuleFacts {
  const facts = { imports: [] as ImportFound[], texts: [] as Occurrence[], uses: [] as Occurrence[] };
  const lineOf = lineFinder(source);
  for (const node of nodesOf(parse(path, source))) {
    const line = lineOf(node.start);
    const found = importOf(node);
    if (found !== undefined) facts.imports.push({ ...found, line });
    const text = textOf(node);
    if (text !== undefined) facts.texts.push({ text, line });
    const use = useOf(node);
    if (use !== undefined) facts.uses.push({ text: use, line });
  }
  return facts;
}

function parse(path: string, source: string): Node {
  try {
    const lang = /\.d\.m?ts$/.test(path) ? "dts" : /\.m?ts$/.test(path) ? "ts" : "js";
    // A hash-bang line is no JavaScript to every parser; a comment of the same length keeps the offsets.
    return parseAst(source.replace(/^#!/, "//"), { lang }) as unknown as Node;
  } catch (error) {
    throw new SyntaxError(`${path} cannot be parsed: ${error instanceof Error ? error.message : ""}`, {
      cause: error,
    });
  }
}

function* nodesOf(root: Node): Generator<Node> {
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const value = pending.pop();
    if (Array.isArray(value)) pending.push(...value);
    else if (isNode(value)) {
      yield value;
      pending.push(...Object.values(value).filter((child) => typeof child === "object" && child !== null));
    }
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}

function importOf(node: Node): Omit<ImportFound, "line"> | undefined {
  const specifier = isNode(node["source"]) ? node["source"]["value"] : undefined;
  if (typeof specifier !== "string") return undefined;
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration": {
      const specifiers = Array.isArray(node["specifiers"]) ? node["specifiers"].filter(isNode) : [];
      const isWholeTypeOnly = node["importKind"] === "type" || node["exportKind"] === "type";
      const areAllTypes =
        specifiers.length > 0 &&
        specifiers.every((one) => one["importKind"] === "type" || one["exportKind"] === "type");
      const names = specifiers.map((one) => nameOf(one["imported"] ?? one["local"]));
      return { specifier, names, isTypeOnly: isWholeTypeOnly || areAllTypes };
    }
    case "ImportExpression":
      return { specifier, names: [], isTypeOnly: false };
    case "TSImportType":
      return { specifier, names: [], isTypeOnly: true };
    default:
      return undefined;
  }
}

function textOf(node: Node): string | undefined {
  if (node.type === "Literal" && typeof node["value"] === "string") return node["value"];
  if (node.type !== "TemplateLiteral" || !Array.isArray(node["quasis"])) return undefined;
  const first: unknown = node["quasis"][0];
  const value = isNode(first) ? first["value"] : undefined;
  return typeof value === "object" && value !== null && "raw" in value ? String(value.raw) : undefined;
}

function useOf(node: Node): string | undefined {
  if (node.type === "MemberExpression" && node["computed"] === false) {
    return `${nameOf(node["object"])}.${nameOf(node["property"])}`;
  }
  if (node.type === "CallExpression") return nameOf(node["callee"]) || undefined;
  const isBareDate = node.type === "NewExpression" && nameOf(node["callee"]) === "Date";
  return isBareDate && Array.isArray(node["arguments"]) && node["arguments"].length === 0
    ? "new Date"
    : undefined;
}

function nameOf(node: unknown): string {
  return isNode(node) && node.type === "Identifier" && typeof node["name"] === "string" ? node["name"] : "";
}

function lineFinder(source: string): (offset: number) => number {
  const starts = [0];
  for (let at = source.indexOf("\n"); at !== -1; at = source.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    const next = starts.findIndex((start) => start > offset);
    return next === -1 ? starts.length : next;
  };
}
