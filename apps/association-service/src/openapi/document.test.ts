import { expect, test } from "vitest";
import { openApiDocument } from "./document.ts";
import { OPERATIONS, operationOf } from "./operations.ts";

interface Described {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<Record<string, unknown>>;
}
type Paths = Readonly<Record<string, Readonly<Record<string, Described>>>>;

const document = openApiDocument();
const described = Object.entries(document["paths"] as Paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

test("every operation is described once, by an id of its own, and each parameter in its path is named", () => {
  const ids = described.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids).toHaveLength(OPERATIONS.reduce((sum, { methods }) => sum + methods.length, 0));
  for (const { path, operation } of described) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const named = operation.parameters?.filter((parameter) => parameter.in === "path") ?? [];
    expect(named.map(({ name }) => name)).toEqual(inPath);
  }
});

test("every reference in the document leads somewhere", () => {
  const text = JSON.stringify(document);
  const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name);
  expect(references.length).toBeGreaterThan(OPERATIONS.length);
  const { schemas } = document["components"] as { schemas: object };
  for (const name of references) expect(schemas).toHaveProperty([name ?? ""]);
});

test.each(OPERATIONS.map(({ id, methods, path }) => ({ id, methods, path })))(
  "$id is found by its method and path, with and without a slash",
  ({ id, methods, path }) => {
    const called = path.replace(/\{\w+\}/g, "x.y-z");
    for (const method of methods) {
      expect(operationOf(method.toUpperCase(), called)?.id).toBe(id);
      expect(operationOf(method, `${called.replace(/\/$/, "")}/`)?.id).toBe(id);
    }
    expect(operationOf("OPTIONS", called)).toBeUndefined();
  },
);
