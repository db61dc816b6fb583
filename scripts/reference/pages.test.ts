import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CATALOGUE } from "@keyferry/errors";
import { expect, test } from "vitest";
import { ROOT } from "../repository-files.ts";
import { renderErrorsPage } from "./errors-page.ts";
import { generatedPages } from "./pages.ts";

test("the generated pages of docs/reference are what `npm run reference` would write now", async () => {
  const stale = (await generatedPages())
    .filter(
      ({ path, text }) => !existsSync(join(ROOT, path)) || readFileSync(join(ROOT, path), "utf8") !== text,
    )
    .map(({ path }) => path);
  expect(stale).toEqual([]);
});

test("each error code has one row, with its advice", () => {
  const page = renderErrorsPage();
  for (const [code, { advice }] of Object.entries(CATALOGUE)) {
    expect(page.split(`| \`${code}\` |`)).toHaveLength(2);
    expect(page).toContain(advice);
  }
});
