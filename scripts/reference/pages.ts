// Owns: which pages of docs/ are generated, and from what.
import { openApiDocument } from "@keyferry/association-service";
import { editorSchema, renderConfigurationPage } from "@keyferry/service";
import { format } from "oxfmt";
import { renderCliPage } from "./cli-page.ts";
import { renderErrorsPage } from "./errors-page.ts";
import { renderMetricsPage } from "./metrics-page.ts";

/** A generated file: its path in the repository, and its text as the formatter leaves it. */
export interface GeneratedPage {
  readonly path: string;
  readonly text: string;
}

const PRINT_WIDTH = 110; // as .oxfmtrc.json has it: a generated file must survive `npm run format:check`

/** Every generated page. */
export async function generatedPages(): Promise<readonly GeneratedPage[]> {
  const sources = {
    "docs/cli.md": renderCliPage(),
    "docs/reference/configuration.md": renderConfigurationPage(),
    "docs/reference/errors.md": renderErrorsPage(),
    "docs/reference/metrics.md": renderMetricsPage(),
    "docs/reference/openapi.json": `${JSON.stringify(openApiDocument(), null, 2)}\n`,
    "docs/reference/keyferry.schema.json": `${JSON.stringify(editorSchema(), null, 2)}\n`,
  };
  const pages = Object.entries(sources).map(async ([path, source]) => {
    const { code, errors } = await format(path, source, { printWidth: PRINT_WIDTH });
    if (errors.length > 0) throw new Error(`${path}: ${errors.map(({ message }) => message).join("; ")}`);
    return { path, text: code };
  });
  return Promise.all(pages);
}
