import { expect, test } from "vitest";
import { checkDocuments, formatFault } from "./check.ts";

const BASE = {
  "package.json": JSON.stringify({ name: "keyferry", scripts: { start: "x", test: "x", "test:unit": "x" } }),
  "packages/bus/package.json": JSON.stringify({ name: "@keyferry/bus" }),
  "docs/architecture.md": "| package | holds |\n|---|---|\n| `packages/bus` | NATS |\n",
  "docs/reference/errors.md": "| code |\n|---|\n| `conflict` | x |\n",
};

function faultsFor(files: Record<string, string>, errorCodes: readonly string[] = ["conflict"]): string[] {
  return checkDocuments(new Map(Object.entries({ ...BASE, ...files })), { errorCodes }).map(formatFault);
}

test("the base tree is in order", () => {
  expect(faultsFor({})).toEqual([]);
});

test("a link to a file, a folder or a heading that is there is in order", () => {
  const page = [
    "# A page: with `code` & more",
    "[file](docs/architecture.md) [folder](docs/reference) [up](#a-page-with-code--more)",
    "[web](https://example.com/x) [mail](mailto:a@example.com)",
    "[def]: docs/architecture.md",
  ].join("\n");
  expect(faultsFor({ "README.md": page })).toEqual([]);
});

test("a link that leads nowhere is a fault, with its line", () => {
  expect(faultsFor({ "docs/a.md": "one\n\n[x](../README.md) and [y](b.md#z)" })).toEqual([
    "docs/a.md:3 links to ../README.md, which does not exist",
    "docs/a.md:3 links to b.md#z, which does not exist",
  ]);
});

test("a link to a heading that is not there is a fault", () => {
  expect(faultsFor({ "README.md": "# One\n# One\n[a](#one-1) [b](#two)" })).toEqual([
    "README.md:3 links to #two: there is no such heading",
  ]);
});

test("brackets in code are no links", () => {
  expect(faultsFor({ "README.md": "`[a](b.md)`\n```js\nx[0](gone.md)\n```\n" })).toEqual([]);
});

test("an npm script that does not exist is a fault, also in a code block", () => {
  expect(faultsFor({ "README.md": "`npm run test:unit`, `npm test`\n```sh\nnpm run verify\n```" })).toEqual([
    'README.md:3 mentions the npm script "verify", which package.json does not have',
  ]);
});

test("an error code without a row is a fault; a longer code that begins alike is no row for it", () => {
  expect(faultsFor({}, ["conflict", "conf"])).toEqual([
    "docs/reference/errors.md:1 has no row for conf: run `npm run reference`",
  ]);
});

test("a package that the architecture page does not list is a fault; so is a page that is not there", () => {
  const files = { "apps/azure-sink/package.json": JSON.stringify({ name: "@keyferry/azure-sink" }) };
  expect(faultsFor(files)).toEqual(["docs/architecture.md:1 has no row for apps/azure-sink in its tables"]);
  const tree = new Map(Object.entries(BASE));
  tree.delete("docs/architecture.md");
  expect(checkDocuments(tree, { errorCodes: [] }).map(formatFault)).toEqual([
    "docs/architecture.md:1 is missing: it holds the table of packages and apps",
  ]);
});
