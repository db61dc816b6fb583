// Owns: reading keyferry.yaml from disk, with everything its references lead to. Deciding is resolve.ts.
import { constants } from "node:fs";
import { access, open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type Document, LineCounter, parseDocument } from "yaml";
import { type ConfigFault, configInvalid } from "./faults.ts";
import { expandReferences, whyUnreadable } from "./references.ts";
import {
  filesNamedIn,
  type NamedFile,
  type RawConfig,
  resolveConfig,
  sectionsOf,
  type ServiceSection,
} from "./resolve.ts";
import { type ServiceSecrets, SPLIT, type Split } from "./services.ts";
import { isTree, type Tree } from "./tree.ts";

/** Where a configuration is read from. */
export interface ConfigOrigin {
  /** Path of keyferry.yaml. */
  readonly file: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface LoadedConfig<S extends ServiceSection> extends Split<S> {
  /**
   * Reads the secrets again, for tokens that are rotated in their files while the service runs.
   * @throws KeyferryError `config-invalid` if the configuration is not whole any more.
   */
  readonly rereadSecrets: () => Promise<ServiceSecrets[S]>;
}

// Files of secrets and the configuration itself are a few kilobytes; whatever is larger is the wrong file.
const FILE_BYTES_MAX = 1_048_576;
const ALIASES_MAX = 100; // YAML aliases can be nested to fill any memory; nobody needs more in this file

/**
 * Reads and checks the configuration of one service.
 * @throws KeyferryError `config-invalid`, whose message lists every fault with path and fix.
 */
export async function loadConfig<S extends ServiceSection>(
  service: S,
  origin: ConfigOrigin,
): Promise<LoadedConfig<S>> {
  const split = await read(service, origin);
  return { ...split, rereadSecrets: async () => (await read(service, origin)).secrets };
}

/** `loadConfig` for the change-detector. */
export function loadDetectorConfig(origin: ConfigOrigin): Promise<LoadedConfig<"changeDetector">> {
  return loadConfig("changeDetector", origin);
}

/** `loadConfig` for the association-service. */
export function loadAssociationConfig(origin: ConfigOrigin): Promise<LoadedConfig<"associationService">> {
  return loadConfig("associationService", origin);
}

/** `loadConfig` for the azure-sink. */
export function loadSinkConfig(origin: ConfigOrigin): Promise<LoadedConfig<"azureSink">> {
  return loadConfig("azureSink", origin);
}

async function read<S extends ServiceSection>(service: S, origin: ConfigOrigin): Promise<Split<S>> {
  const resolved = resolveConfig(await readRaw(service, origin), service);
  if (resolved.kind === "faulty") throw configInvalid(origin.file, resolved.faults);
  return SPLIT[service](resolved.sections);
}

async function readRaw(service: ServiceSection, { file, environment }: ConfigOrigin): Promise<RawConfig> {
  const folder = dirname(resolve(file));
  const tree = parseYaml(file, await readConfigFile(file));
  // References of other services' sections are not followed: their secrets need not be known here.
  const own = Object.fromEntries(Object.entries(tree).filter(([name]) => sectionsOf(service).includes(name)));
  const readText = (path: string): Promise<string> => readSmallFile(resolve(folder, path));
  const { value, referenced, faults } = await expandReferences(own, { environment, readText });
  const expanded = { ...tree, ...(isTree(value) ? value : {}) };
  const unreadable = await unreadableFiles(filesNamedIn(expanded, service), folder);
  return { tree: expanded, referenced, faults: [...faults, ...unreadable], environment, folder };
}

async function readConfigFile(file: string): Promise<string> {
  try {
    return await readSmallFile(file);
  } catch (error) {
    const fix = "Give the path with --config FILE or KEYFERRY_CONFIG.";
    throw configInvalid(file, [{ path: "", problem: whyUnreadable(error), fix }]);
  }
}

/** @throws an Error with the system's code, `EFBIG` beyond the limit. */
async function readSmallFile(path: string): Promise<string> {
  await using handle = await open(path, "r");
  const { size } = await handle.stat();
  if (size > FILE_BYTES_MAX) throw Object.assign(new Error("The file is too large"), { code: "EFBIG" });
  return await handle.readFile("utf8"); // awaited here: the handle is closed when this function ends
}

/** The file's top level, nothing checked but that it is YAML and a mapping. */
function parseYaml(file: string, text: string): Tree {
  const lines = new LineCounter();
  // prettyErrors would quote the line, and the line may hold a secret (P5): only the place and the kind are told.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const faults = yamlFaults(document, lines);
  if (faults.length > 0) throw configInvalid(file, faults);
  const tree = toPlain(document, file);
  if (isTree(tree)) return tree;
  const fix = "Write sections, as docs/reference/configuration.md shows them.";
  throw configInvalid(file, [{ path: "", problem: "holds no sections", fix }]);
}

/** One fault per line: what comes after the first on a line is mostly its consequence. */
function yamlFaults({ errors }: Document, lines: LineCounter): ConfigFault[] {
  const faults = new Map<number, ConfigFault>();
  for (const { code, pos } of errors) {
    const { line, col } = lines.linePos(pos[0]);
    const problem = `is not YAML at line ${line}, column ${col} (${code.toLowerCase().replaceAll("_", " ")})`;
    const fix = "Correct it there. Inside [ ] and { } a ${NAME} has to stand in quotes.";
    if (!faults.has(line)) faults.set(line, { path: "", problem, fix });
  }
  return [...faults.values()];
}

function toPlain(document: Document, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX }) ?? {};
  } catch {
    // The only thing that a document without errors throws here; its message quotes the document.
    const problem = "has aliases that lead nowhere or grow without end";
    throw configInvalid(file, [{ path: "", problem, fix: "Write the keys out." }]);
  }
}

async function unreadableFiles(named: readonly NamedFile[], folder: string): Promise<ConfigFault[]> {
  const faults: ConfigFault[] = [];
  for (const { path, file } of named) {
    try {
      await access(resolve(folder, file), constants.R_OK);
    } catch (error) {
      const fix =
        "Correct the path (relative ones count from keyferry.yaml's folder), or let this process read it.";
      faults.push({ path, problem: `names the file ${file}, which ${whyUnreadable(error)}`, fix });
    }
  }
  return faults;
}
