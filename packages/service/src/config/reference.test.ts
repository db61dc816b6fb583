import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { keysOf, type Leaf, leavesOf } from "./key-facts.ts";
import { editorSchema, renderConfigurationPage } from "./reference.ts";
import { type RawConfig, resolveConfig, SECTIONS, type ServiceSection } from "./resolve.ts";
import { type Tree, valueAt } from "./tree.ts";

const LEAVES = Object.entries(SECTIONS).flatMap(([name, schema]) =>
  leavesOf(keysOf(schema)).map((leaf) => ({ ...leaf, path: [name, ...leaf.path] })),
);

const namesWhere = (isSo: (leaf: Leaf) => boolean): string[] =>
  LEAVES.filter(isSo).map(({ path }) => path.join("."));

test("every key is on the page and in the editors' schema, and says what it is for", () => {
  const page = renderConfigurationPage();
  const schema = editorSchema();
  const inSchema = (path: readonly string[]): unknown => {
    const steps = path.flatMap((part) => ["properties", part]);
    return valueAt(schema, steps);
  };
  expect(namesWhere(({ path }) => !page.includes(`| \`${path.join(".")}\``))).toEqual([]);
  expect(namesWhere(({ path }) => inSchema(path) === undefined)).toEqual([]);
  expect(namesWhere(({ node }) => !/\w{3,}.*\.$/.test(node.description ?? ""))).toEqual([]);
});

test("a number has a unit, which its key ends in where it is a time, and a default within its limits", () => {
  const ofNumber = (isWrong: (node: Leaf["node"], key: string) => boolean): string[] =>
    namesWhere(({ path, node }) => node.type === "integer" && isWrong(node, path.at(-1) ?? ""));
  expect(ofNumber((node) => node["x-unit"] === undefined)).toEqual([]);
  expect(ofNumber((node, key) => node["x-unit"] === "s" && !/[a-z]S$/.test(key))).toEqual([]);
  expect(ofNumber((node, key) => node["x-unit"] === "ms" && !key.endsWith("Ms"))).toEqual([]);
  const isWithin = ({ default: value, minimum = Number.NaN, maximum = Number.NaN }: Leaf["node"]): boolean =>
    typeof value === "number" && value >= minimum && value <= maximum;
  expect(ofNumber((node) => !isWithin(node))).toEqual([]);
});

test("the editors' schema has none of our own words, and lets a reference pass where a number is wanted", () => {
  expect(JSON.stringify(editorSchema())).not.toContain('"x-');
  const interval = valueAt(editorSchema(), [
    "properties",
    "changeDetector",
    "properties",
    "sweep",
    "properties",
    "intervalS",
  ]);
  expect(interval).toMatchObject({
    anyOf: [{ type: "integer", minimum: 1 }, { type: "string" }],
    default: 300,
  });
});

test("the example file is right for every service, once its variables are set", () => {
  const file = new URL("../../../../docs/reference/keyferry.example.yaml", import.meta.url);
  const tree = parse(readFileSync(file, "utf8").replaceAll(/\$\{\w+(?::-([^}]*))?\}/g, "${1:-$1}")) as Tree;
  for (const service of [
    "changeDetector",
    "associationService",
    "azureSink",
  ] as const satisfies ServiceSection[]) {
    const sink = { ...tree, redis: { url: "redis://127.0.0.1:6379" } };
    const raw: RawConfig = { tree: sink, referenced: new Set(), environment: {}, folder: "/", faults: [] };
    expect(resolveConfig(raw, service)).toMatchObject({ kind: "ok" });
  }
});
