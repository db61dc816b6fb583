// Owns: finding the breaches of rules.ts in a repository. Pure: files come in as text, so that tests plant breaches in
// trees that exist nowhere.
import { isBuiltin } from "node:module";
import { posix } from "node:path";
import { type ImportFound, type ModuleFacts, readModule } from "./modules.ts";
import {
  BEFORE_INSTALL,
  COMPOSES,
  LAYERS,
  PURE,
  PURE_FORBIDDEN_GLOBALS,
  PURE_FORBIDDEN_NAMES,
  PURE_OUTSIDE,
  SAME_LAYER,
  SDK_HOMES,
  TEST_SIDE,
  WIRE_NAMES,
} from "./rules.ts";
import {
  isSource,
  isTestFile,
  type RepositoryFiles,
  type Workspace,
  workspaceOf,
  workspacesOf,
} from "./tree.ts";

/** One breach: where, what, and what to do instead. */
export interface Breach {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

const SCOPE = "@keyferry/";

/** A source file with what a rule needs to know about it. */
interface Source {
  readonly path: string;
  readonly workspace: Workspace;
  readonly isTest: boolean;
  readonly facts: ModuleFacts;
}

/** Every breach in the repository, by path and line. */
export function checkBoundaries(files: RepositoryFiles): readonly Breach[] {
  const workspaces = workspacesOf(files);
  const breaches: Breach[] = [];
  for (const [path, text] of files) {
    const workspace = workspaceOf(path, workspaces);
    if (!isSource(path) || workspace === undefined) continue;
    const source: Source = { path, workspace, isTest: isTestFile(path), facts: readModule(path, text) };
    for (const found of source.facts.imports) {
      const message = importBreach(source, found, files, workspaces);
      if (message !== undefined) breaches.push({ path, line: found.line, message });
    }
    breaches.push(...impureUses(source), ...strayWireNames(source));
  }
  breaches.push(...manifestBreaches(workspaces));
  return breaches.toSorted((a, b) => (a.path === b.path ? a.line - b.line : a.path < b.path ? -1 : 1));
}

/** Rows of the rules' tables that are about nothing any more: a renamed file would silently be free of them. */
export function staleRules(files: RepositoryFiles): readonly Breach[] {
  const paths = [...files.keys()];
  const named = [...PURE, ...WIRE_NAMES.map(({ home }) => home)];
  return named
    .filter((entry) => !paths.some((path) => (entry.endsWith("/") ? path.startsWith(entry) : path === entry)))
    .map((entry) => ({ path: RULES_FILE, line: 1, message: `names ${entry}, which does not exist.` }));
}

/** A breach as one line, with a place that editors can open. */
export function formatBreach({ path, line, message }: Breach): string {
  return `${path}:${line} ${message}`;
}

function importBreach(
  source: Source,
  found: ImportFound,
  files: RepositoryFiles,
  workspaces: readonly Workspace[],
): string | undefined {
  const { specifier } = found;
  if (specifier.startsWith("."))
    return relativeBreach(source, found, files, workspaces) ?? purityBreach(source, found);
  if (isBuiltin(specifier)) {
    if (!specifier.startsWith("node:")) return `imports ${specifier}: write node:${specifier}.`;
    return purityBreach(source, found);
  }
  const packageName = packageOf(specifier);
  return (
    undeclaredBreach(source, packageName) ??
    (packageName.startsWith(SCOPE) ? workspaceBreach(source, specifier) : sdkBreach(source, packageName)) ??
    purityBreach(source, found)
  );
}

function relativeBreach(
  { path, workspace }: Source,
  { specifier }: ImportFound,
  files: RepositoryFiles,
  workspaces: readonly Workspace[],
): string | undefined {
  const target = posix.join(posix.dirname(path), specifier);
  const isBeforeInstall = path.startsWith(BEFORE_INSTALL.from) && target.startsWith(BEFORE_INSTALL.to);
  const isComposition = COMPOSES.some(({ from, to }) => path.startsWith(from) && target.startsWith(to));
  if (workspaceOf(target, workspaces) !== workspace && !isBeforeInstall && !isComposition) {
    return `imports ${specifier}, a file of another package: import the package by its name.`;
  }
  // The type checker takes x.js for x.ts; Node, which runs the source, does not.
  if (!files.has(target))
    return `imports ${specifier}, which does not exist: name the file as it is, with its ending.`;
  return undefined;
}

function undeclaredBreach({ workspace, isTest }: Source, packageName: string): string | undefined {
  const { folder, manifest } = workspace;
  if (packageName === manifest.name) {
    return isTest ? undefined : `imports its own package ${packageName}: import the file.`;
  }
  if (manifest.dependencies.includes(packageName)) return undefined;
  const isDevelopment = manifest.devDependencies.includes(packageName);
  if (isDevelopment && isTest) return undefined;
  if (isTest && (folder === "" ? packageName.startsWith(SCOPE) : ROOT_TEST_TOOLS.has(packageName)))
    return undefined;
  const where = folder === "" ? "package.json" : `${folder}/package.json`;
  return isDevelopment
    ? `imports ${packageName}, a development dependency: move it to "dependencies" of ${where}.`
    : `imports ${packageName}, which ${where} does not declare: it works only because npm hoists. Declare it.`;
}

// Declared once, at the root: every workspace's tests run by them.
const ROOT_TEST_TOOLS = new Set(["vitest", "fast-check"]);

function workspaceBreach(source: Source, specifier: string): string | undefined {
  const [to = "", deep] = specifier.slice(SCOPE.length).split("/", 2);
  if (deep !== undefined) return `imports ${specifier}: a package has one door; import ${SCOPE}${to}.`;
  return directionBreach(source.workspace.folder, to, source.isTest);
}

/** Whether one workspace may import another; `undefined` if it may. */
function directionBreach(folder: string, to: string, isTest: boolean): string | undefined {
  const imports = `imports ${SCOPE}${to}`;
  const [kind = "", own = ""] = folder.split("/");
  if (own === to) return undefined;
  const toLayer = LAYERS[to];
  if (toLayer === undefined && !Object.hasOwn(TEST_SIDE, to)) {
    // Scripts are no process of the system: the reference pages are made from what the apps declare.
    if (folder === "") return undefined;
    return `${imports}: apps meet over messages and HTTP (contracts), never by import.`;
  }
  if (toLayer === undefined) {
    if (isTest || (TEST_SIDE[own] ?? []).includes(to)) return undefined;
    return `${imports}: it serves tests and \`npm start\`; what runs in production can't depend on it.`;
  }
  const testSideMay = TEST_SIDE[own];
  if (kind === "packages" && testSideMay !== undefined) {
    if (testSideMay.includes(to)) return undefined;
    return `${imports}: the test side shares no code with the product (allowed: ${testSideMay.join(", ") || "nothing"}).`;
  }
  const ownLayer = kind === "packages" ? LAYERS[own] : 3;
  if (ownLayer === undefined)
    return `${imports}: ${folder} has no layer; add it to scripts/boundaries/rules.ts.`;
  if (toLayer < ownLayer || (SAME_LAYER[own] ?? []).includes(to)) return undefined;
  if (toLayer === 2 && ownLayer === 2) {
    return `${imports}: adapters don't know one another. Move what both need down a layer, or wire them in the app.`;
  }
  return `${imports}: imports go down only (${own} is layer ${ownLayer}, ${to} is layer ${toLayer}).`;
}

function sdkBreach({ path, isTest }: Source, packageName: string): string | undefined {
  const rule = SDK_HOMES.find(({ sdk }) =>
    sdk.endsWith("/") ? packageName.startsWith(sdk) : packageName === sdk,
  );
  if (rule === undefined) return undefined;
  const allowed = isTest ? [...rule.homes, ...rule.inTests] : rule.homes;
  if (allowed.some((home) => path.startsWith(`${home}/`))) return undefined;
  return `imports ${packageName}: it belongs to ${rule.homes[0]} alone; use that package.`;
}

function purityBreach({ path, isTest }: Source, found: ImportFound): string | undefined {
  const pure = pureOf(path);
  if (pure === undefined || isTest) return undefined;
  const { specifier, names } = found;
  const because = `${pure} is pure`;
  const forbidden = names.find((name) => PURE_FORBIDDEN_NAMES[specifier]?.includes(name));
  if (forbidden !== undefined) return `imports ${forbidden}: ${because}. Pass the value in.`;
  if (specifier.startsWith(".")) {
    const target = posix.join(posix.dirname(path), specifier);
    if (pureOf(target) !== undefined || (found.isTypeOnly && /^apps\/[^/]+\/src\/ports\.ts$/.test(target)))
      return undefined;
    return `imports ${specifier}, which is not pure: ${because}. Pass what it gives in, or list it in rules.ts if it only computes.`;
  }
  if (specifier.startsWith(SCOPE)) {
    const layer = LAYERS[specifier.slice(SCOPE.length)];
    return layer === 0 || layer === 1
      ? undefined
      : `imports ${specifier}: ${because}. Pass what it gives in.`;
  }
  return PURE_OUTSIDE.includes(specifier) ? undefined : `imports ${specifier}: ${because}.`;
}

function impureUses({ path, isTest, facts }: Source): Breach[] {
  const pure = pureOf(path);
  if (pure === undefined || isTest) return [];
  return facts.uses
    .filter(({ text }) => text === "new Date" || PURE_FORBIDDEN_GLOBALS.includes(text))
    .map(({ text, line }) => ({ path, line, message: `uses ${text}: ${pure} is pure. Pass the value in.` }));
}

function strayWireNames({ path, workspace, isTest, facts }: Source): Breach[] {
  return facts.texts.flatMap(({ text, line }) => {
    const rule = WIRE_NAMES.find(({ prefixes }) => prefixes.some((prefix) => text.startsWith(prefix)));
    if (rule === undefined || path === rule.home || path === RULES_FILE) return [];
    if (isTest && rule.home.startsWith(`${workspace.folder}/`) && workspace.folder !== "") return [];
    return [
      { path, line, message: `writes a name on the wire ("${text}"): its builder is in ${rule.home}.` },
    ];
  });
}

const RULES_FILE = "scripts/boundaries/rules.ts";

function pureOf(path: string): string | undefined {
  return PURE.find((entry) => (entry.endsWith("/") ? path.startsWith(entry) : path === entry));
}

/** Dependencies are judged too, so that one that nobody imports yet does not open a way. */
function manifestBreaches(workspaces: readonly Workspace[]): Breach[] {
  return workspaces.flatMap(({ folder, manifest }) =>
    manifest.dependencies.flatMap((name) => {
      if (folder === "" || !name.startsWith(SCOPE)) return [];
      const isTestWorkspace = isTestFile(`${folder}/`);
      const message = directionBreach(folder, name.slice(SCOPE.length), isTestWorkspace);
      return message === undefined ? [] : [{ path: `${folder}/package.json`, line: 1, message }];
    }),
  );
}

function packageOf(specifier: string): string {
  const [first = "", second = ""] = specifier.split("/", 2);
  return specifier.startsWith("@") ? `${first}/${second}` : first;
}
