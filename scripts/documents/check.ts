// Owns: finding what documents promise and the repository does not keep: links that lead nowhere, npm scripts that
// don't exist, error codes without a row, packages that the architecture page does not know. Pure.
import { posix } from "node:path";
import { type RepositoryFiles, workspacesOf } from "../boundaries/tree.ts";

/** What is wrong, and where. */
export interface DocumentFault {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

export interface DocumentRules {
  /** Every error code: each needs a row in the errors page. */
  readonly errorCodes: readonly string[];
}

const ERRORS_PAGE = "docs/reference/errors.md";
const ARCHITECTURE_PAGE = "docs/architecture.md";

/** Every fault in the repository's markdown. */
export function checkDocuments(
  files: RepositoryFiles,
  { errorCodes }: DocumentRules,
): readonly DocumentFault[] {
  const faults: DocumentFault[] = [];
  const scripts = scriptsOf(files);
  for (const [path, text] of files) {
    if (!path.endsWith(".md")) continue;
    for (const { text: line, number, isCode } of linesOf(text)) {
      if (!isCode) faults.push(...linkFaults(path, line, number, files));
      faults.push(...scriptFaults(path, line, number, scripts));
    }
  }
  return [...faults, ...errorRowFaults(files, errorCodes), ...packageTableFaults(files)];
}

/** A fault as one line, with a place that editors can open. */
export function formatFault({ path, line, message }: DocumentFault): string {
  return `${path}:${line} ${message}`;
}

/** Lines with whether they stand in a fenced block, where brackets are code and no links. */
function* linesOf(text: string): Generator<{ text: string; number: number; isCode: boolean }> {
  let isCode = false;
  for (const [index, line] of text.split("\n").entries()) {
    const isFence = /^\s*(?:```|~~~)/.test(line);
    yield { text: line, number: index + 1, isCode: isCode || isFence };
    if (isFence) isCode = !isCode;
  }
}

// [text](target "title") and ![alt](target); reference definitions: [name]: target
const INLINE_LINK = /\]\((?<target><[^>]*>|[^)\s]+)(?:\s+"[^"]*")?\)/g;
const DEFINITION = /^\s{0,3}\[[^\]]+\]:\s+(?<target>\S+)/g;

function linkFaults(path: string, line: string, number: number, files: RepositoryFiles): DocumentFault[] {
  const prose = line.replaceAll(/`[^`]*`/g, ""); // what stands in backticks is shown, not linked
  const targets = [...prose.matchAll(INLINE_LINK), ...prose.matchAll(DEFINITION)];
  return targets.flatMap((match) => {
    const target = (match.groups?.["target"] ?? "").replaceAll(/^<|>$/g, "");
    const message = linkFault(path, target, files);
    return message === undefined ? [] : [{ path, line: number, message }];
  });
}

function linkFault(path: string, target: string, files: RepositoryFiles): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return undefined; // elsewhere: not ours to keep
  const [file = "", anchor] = target.split("#", 2);
  const found = file === "" ? path : posix.join(posix.dirname(path), decodeURI(file));
  const folder = found.endsWith("/") ? found : `${found}/`;
  const isFolder = found === "." || [...files.keys()].some((known) => known.startsWith(folder));
  if (!files.has(found) && !isFolder) return `links to ${target}, which does not exist`;
  if (anchor === undefined || !found.endsWith(".md")) return undefined;
  return anchorsOf(files.get(found) ?? "").has(anchor)
    ? undefined
    : `links to ${target}: there is no such heading`;
}

/** The anchors that GitHub makes of headings. */
function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const { text: line, isCode } of linesOf(text)) {
    const heading = isCode ? undefined : /^#{1,6}\s+(?<title>.*?)\s*#*$/.exec(line)?.groups?.["title"];
    if (heading === undefined) continue;
    const plain = heading.replaceAll(/\[(?<label>[^\]]*)\]\([^)]*\)/g, "$<label>");
    const slug = plain
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M}\s_-]/gu, "")
      .replaceAll(/\s/g, "-");
    let anchor = slug;
    for (let again = 1; anchors.has(anchor); again += 1) anchor = `${slug}-${again}`;
    anchors.add(anchor);
  }
  return anchors;
}

function scriptsOf(files: RepositoryFiles): ReadonlySet<string> {
  const { scripts = {} } = JSON.parse(files.get("package.json") ?? "{}") as {
    scripts?: Record<string, string>;
  };
  return new Set(Object.keys(scripts));
}

function scriptFaults(
  path: string,
  line: string,
  number: number,
  scripts: ReadonlySet<string>,
): DocumentFault[] {
  const runs = [...line.matchAll(/\bnpm run (?<name>[\w:-]+)/g)].map((match) => match.groups?.["name"] ?? "");
  const short = [...line.matchAll(/\bnpm (?<name>start|test)\b/g)].map(
    (match) => match.groups?.["name"] ?? "",
  );
  return [...runs, ...short]
    .filter((name) => !scripts.has(name))
    .map((name) => ({
      path,
      line: number,
      message: `mentions the npm script "${name}", which package.json does not have`,
    }));
}

function errorRowFaults(files: RepositoryFiles, errorCodes: readonly string[]): DocumentFault[] {
  const page = files.get(ERRORS_PAGE);
  if (page === undefined)
    return [{ path: ERRORS_PAGE, line: 1, message: "is missing: write it by `npm run reference`" }];
  return errorCodes
    .filter((code) => !new RegExp(`^\\| \`${code}\` +\\|`, "m").test(page))
    .map((code) => ({
      path: ERRORS_PAGE,
      line: 1,
      message: `has no row for ${code}: run \`npm run reference\``,
    }));
}

function packageTableFaults(files: RepositoryFiles): DocumentFault[] {
  const page = files.get(ARCHITECTURE_PAGE);
  if (page === undefined) {
    return [
      { path: ARCHITECTURE_PAGE, line: 1, message: "is missing: it holds the table of packages and apps" },
    ];
  }
  const rows = page.split("\n").filter((line) => line.trimStart().startsWith("|"));
  return workspacesOf(files)
    .filter(({ folder }) => folder !== "" && !rows.some((row) => rowNames(row, folder)))
    .map(({ folder }) => ({
      path: ARCHITECTURE_PAGE,
      line: 1,
      message: `has no row for ${folder} in its tables`,
    }));
}

/** Whether a row's first cell is about a folder: `packages/bus`, `bus`, with or without a link around it. */
function rowNames(row: string, folder: string): boolean {
  const [, cell = ""] = row.split("|");
  const name = folder.slice(folder.indexOf("/") + 1);
  return (cell.match(/[\w/-]+/g) ?? []).some(
    (word) => word === folder || word === name || word === `${folder}/`,
  );
}
