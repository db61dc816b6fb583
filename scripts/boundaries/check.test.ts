// Each rule with a planted breach, and beside it what comes nearest to a breach and is none.
import { expect, test } from "vitest";
import { checkBoundaries, staleRules } from "./check.ts";
import { PURE, WIRE_NAMES } from "./rules.ts";

const manifest = (name: string, dependencies: string[] = [], devDependencies: string[] = []): string => {
  const asField = (names: string[]) => Object.fromEntries(names.map((dependency) => [dependency, "0.1.0"]));
  return JSON.stringify({
    name: name === "keyferry" ? name : `@keyferry/${name}`,
    dependencies: asField(dependencies),
    devDependencies: asField(devDependencies),
  });
};

const BASE = {
  "package.json": manifest("keyferry", [], ["vitest", "rolldown"]),
  "packages/errors/package.json": manifest("errors"),
  "packages/ports/package.json": manifest("ports"),
  "packages/contracts/package.json": manifest("contracts", ["@keyferry/errors", "zod"]),
  "packages/naming/package.json": manifest("naming", ["@keyferry/contracts", "@keyferry/ports"]),
  "packages/bus/package.json": manifest("bus", ["@keyferry/contracts", "@nats-io/kv"], ["@keyferry/testkit"]),
  "packages/state/package.json": manifest("state", ["@keyferry/contracts", "ioredis"]),
  "packages/testkit/package.json": manifest("testkit", ["@keyferry/key-vault-emulator"]),
  "packages/key-vault-emulator/package.json": manifest("key-vault-emulator", [], ["@azure/keyvault-secrets"]),
  "apps/azure-sink/package.json": manifest("azure-sink", [
    "@keyferry/bus",
    "@keyferry/contracts",
    "@keyferry/ports",
    "@keyferry/state",
  ]),
  "e2e/package.json": manifest("e2e", ["@keyferry/testkit"]),
};

/** The messages about a tree with these files besides the base. */
function messagesFor(files: Record<string, string>): string[] {
  const tree = new Map(Object.entries({ ...BASE, ...files }));
  return checkBoundaries(tree).map(({ path, line, message }) => `${path}:${line} ${message}`);
}

test("the base tree, with an import down, has no breach", () => {
  expect(messagesFor({ "packages/bus/src/a.ts": 'import { x } from "@keyferry/contracts";' })).toEqual([]);
});

test("an import upwards is a breach, also if only types are imported, and names the line", () => {
  const files = {
    "packages/contracts/package.json": manifest("contracts", ["@keyferry/bus"]),
    "packages/contracts/src/a.ts": '// first\nimport type { X } from "@keyferry/bus";',
  };
  const found = messagesFor(files);
  expect(found).toContain(
    "packages/contracts/src/a.ts:2 imports @keyferry/bus: imports go down only (contracts is layer 1, bus is layer 2).",
  );
  expect(found.some((message) => message.startsWith("packages/contracts/package.json:1"))).toBe(true);
});

test("adapters don't import one another", () => {
  const files = {
    "packages/state/package.json": manifest("state", ["@keyferry/bus"]),
    "packages/state/src/a.ts": 'export * from "@keyferry/bus";',
  };
  expect(messagesFor(files).join("\n")).toContain(
    "packages/state/src/a.ts:1 imports @keyferry/bus: adapters don't",
  );
});

test("within a layer only what the table names is imported", () => {
  expect(messagesFor({ "packages/naming/src/a.ts": 'import "@keyferry/contracts";' })).toEqual([]);
  const files = {
    "packages/contracts/package.json": manifest("contracts", ["@keyferry/naming"]),
    "packages/contracts/src/a.ts": 'import "@keyferry/naming";',
  };
  expect(messagesFor(files).join("\n")).toContain(
    "imports go down only (contracts is layer 1, naming is layer 1)",
  );
});

test("apps don't import one another", () => {
  const files = {
    "apps/change-detector/package.json": manifest("change-detector"),
    "apps/azure-sink/package.json": manifest("azure-sink", ["@keyferry/change-detector"]),
    "apps/azure-sink/src/a.ts": 'import "@keyferry/change-detector";',
  };
  expect(messagesFor(files).join("\n")).toContain("apps meet over messages and HTTP");
});

test("a package without a layer has to be given one", () => {
  const files = {
    "packages/new/package.json": manifest("new", ["@keyferry/errors"]),
    "packages/new/src/a.ts": 'import "@keyferry/errors";',
  };
  expect(messagesFor(files).join("\n")).toContain("packages/new has no layer");
});

test("the test side is imported by tests, and by nothing that runs in production", () => {
  const line = 'import "@keyferry/testkit";';
  expect(messagesFor({ "packages/bus/test/a.test.ts": line, "packages/bus/src/a.test.ts": line })).toEqual(
    [],
  );
  expect(messagesFor({ "e2e/src/a.ts": line })).toEqual([]);
  expect(messagesFor({ "packages/bus/src/a.ts": line })).toEqual([
    'packages/bus/src/a.ts:1 imports @keyferry/testkit, a development dependency: move it to "dependencies" of packages/bus/package.json.',
  ]);
  const declared = {
    "packages/bus/package.json": manifest("bus", ["@keyferry/testkit"]),
    "packages/bus/src/a.ts": line,
  };
  expect(messagesFor(declared).join("\n")).toContain("it serves tests and `npm start`");
});

test("the test side imports nothing of the product but what its row allows", () => {
  const files = {
    "packages/key-vault-emulator/package.json": manifest("key-vault-emulator", ["@keyferry/contracts"]),
    "packages/key-vault-emulator/src/a.ts": 'import "@keyferry/contracts";',
  };
  expect(messagesFor(files).join("\n")).toContain("the test side shares no code with the product");
});

test("an SDK is imported in its home alone", () => {
  const files = {
    "apps/azure-sink/package.json": manifest("azure-sink", ["ioredis"]),
    "apps/azure-sink/src/a.ts": 'import { Redis } from "ioredis";',
    "packages/state/src/a.ts": 'import { Redis } from "ioredis";',
  };
  expect(messagesFor(files)).toEqual([
    "apps/azure-sink/src/a.ts:1 imports ioredis: it belongs to packages/state alone; use that package.",
  ]);
});

test("the emulator is tested by Azure's client, and does not contain it", () => {
  const line = 'const sdk = await import("@azure/keyvault-secrets");';
  expect(messagesFor({ "packages/key-vault-emulator/test/a.test.ts": line })).toEqual([]);
  const files = {
    "packages/key-vault-emulator/package.json": manifest("key-vault-emulator", ["@azure/keyvault-secrets"]),
    "packages/key-vault-emulator/src/a.ts": line,
  };
  expect(messagesFor(files).join("\n")).toContain("it belongs to packages/key-vault alone");
});

test("an import that package.json does not declare is a breach, though npm's hoisting makes it work", () => {
  expect(messagesFor({ "packages/errors/src/a.ts": 'import { z } from "zod/v4";' })).toEqual([
    "packages/errors/src/a.ts:1 imports zod, which packages/errors/package.json does not declare: it works only because npm hoists. Declare it.",
  ]);
});

test("tools for tests are declared once, at the root, and are for tests only", () => {
  expect(messagesFor({ "packages/errors/src/a.test.ts": 'import "vitest";' })).toEqual([]);
  expect(messagesFor({ "packages/errors/src/a.ts": 'import "vitest";' })).toHaveLength(1);
});

test("a relative import stays in its package and names a file that is there", () => {
  const files = {
    "packages/errors/src/a.ts": 'import "./b.js"; import "../../ports/src/c.ts"; import "./b.ts";',
    "packages/errors/src/b.ts": "",
    "packages/ports/src/c.ts": "",
  };
  expect(messagesFor(files)).toEqual([
    "packages/errors/src/a.ts:1 imports ../../ports/src/c.ts, a file of another package: import the package by its name.",
    "packages/errors/src/a.ts:1 imports ./b.js, which does not exist: name the file as it is, with its ending.",
  ]);
});

test("a package has one door", () => {
  expect(messagesFor({ "packages/bus/src/a.ts": 'import "@keyferry/contracts/src/a.ts";' })).toEqual([
    "packages/bus/src/a.ts:1 imports @keyferry/contracts/src/a.ts: a package has one door; import @keyferry/contracts.",
  ]);
});

test("builtins are written with node:", () => {
  expect(messagesFor({ "packages/bus/src/a.ts": 'import "fs"; import "node:fs";' })).toEqual([
    "packages/bus/src/a.ts:1 imports fs: write node:fs.",
  ]);
});

test("pure code imports no adapter, no I/O and nothing impure beside it, but types of its app's ports", () => {
  const plan = [
    'import { b } from "@keyferry/bus";',
    'import { readFileSync } from "node:fs";',
    'import { systemClock } from "@keyferry/ports";',
    'import { apply } from "../apply/apply.ts";',
    'import type { Port } from "../ports.ts";',
    'import { createHash } from "node:crypto";',
    'import { step } from "./step.ts";',
  ].join("\n");
  const files = {
    "apps/azure-sink/src/plan/plan.ts": plan,
    "apps/azure-sink/src/plan/step.ts": "",
    "apps/azure-sink/src/plan/plan.test.ts": 'import { readFileSync } from "node:fs";',
    "apps/azure-sink/src/apply/apply.ts": "",
    "apps/azure-sink/src/ports.ts": "",
  };
  const found = messagesFor(files);
  expect(found.map((message) => message.split(" is pure")[0])).toEqual([
    "apps/azure-sink/src/plan/plan.ts:1 imports @keyferry/bus: apps/azure-sink/src/plan/",
    "apps/azure-sink/src/plan/plan.ts:2 imports node:fs: apps/azure-sink/src/plan/",
    "apps/azure-sink/src/plan/plan.ts:3 imports systemClock: apps/azure-sink/src/plan/",
    "apps/azure-sink/src/plan/plan.ts:4 imports ../apply/apply.ts, which is not pure: apps/azure-sink/src/plan/",
  ]);
});

test("pure code reads no clock and draws no chance; a date made of a number is none", () => {
  const plan = [
    "Date.now();",
    "new Date();",
    "Math.random();",
    "new Date(0);",
    "setTimeout(() => 0, 1);",
  ].join("\n");
  const found = messagesFor({
    "apps/azure-sink/src/plan/plan.ts": plan,
    "apps/azure-sink/src/apply/a.ts": plan,
  });
  expect(found.map((message) => message.split(": ")[0])).toEqual([
    "apps/azure-sink/src/plan/plan.ts:1 uses Date.now",
    "apps/azure-sink/src/plan/plan.ts:2 uses new Date",
    "apps/azure-sink/src/plan/plan.ts:3 uses Math.random",
    "apps/azure-sink/src/plan/plan.ts:5 uses setTimeout",
  ]);
});

test("names on the wire are made in one file; comments that mention them are no breach", () => {
  const text = "// `sync.desired.x`\nexport const s = (d: string) => `sync.desired.${d}.a`;";
  const files = {
    "packages/bus/src/subjects.ts": text,
    "packages/bus/src/subjects.test.ts": 'const s = "kv2.event.a";',
    "apps/azure-sink/src/a.ts": text,
    "apps/azure-sink/test/a.test.ts": 'const s = "sync.result.a";',
  };
  expect(messagesFor(files)).toEqual([
    'apps/azure-sink/src/a.ts:2 writes a name on the wire ("sync.desired."): its builder is in packages/bus/src/subjects.ts.',
    'apps/azure-sink/test/a.test.ts:1 writes a name on the wire ("sync.result.a"): its builder is in packages/bus/src/subjects.ts.',
  ]);
});

test("text that looks like an import is none", () => {
  const text = 'export const x = "import \\"ioredis\\""; /* import "@keyferry/bus"; */';
  expect(messagesFor({ "packages/errors/src/a.ts": text })).toEqual([]);
});

test("a file that cannot be parsed is an error that names it", () => {
  expect(() => messagesFor({ "packages/errors/src/a.ts": "import {" })).toThrow(
    /packages\/errors\/src\/a\.ts/,
  );
});

test("scripts may use every package, and root tools that package.json declares", () => {
  const files = { "scripts/a.ts": 'import "@keyferry/bus"; import "rolldown"; import "listr2";' };
  expect(messagesFor(files)).toEqual([
    "scripts/a.ts:1 imports listr2, which package.json does not declare: it works only because npm hoists. Declare it.",
  ]);
});

test("a row of the rules that names a file which is gone is told", () => {
  const named = [
    ...PURE.map((entry) => (entry.endsWith("/") ? `${entry}a.ts` : entry)),
    ...WIRE_NAMES.map(({ home }) => home),
  ];
  const tree = new Map(named.map((path) => [path, ""]));
  expect(staleRules(tree)).toEqual([]);
  tree.delete("packages/bus/src/subjects.ts");
  expect(staleRules(tree).map(({ message }) => message)).toEqual([
    "names packages/bus/src/subjects.ts, which does not exist.",
  ]);
});
