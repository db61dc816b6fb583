// Owns: reading a whole mount's metadata, page by page: OpenBao's detailed-metadata, list and get elsewhere.
// Does not own: what a missing key means. Invariants: a walk that ends without throwing has shown every key that was
// there throughout; a page that can't be read ends it with an error, as a partial list is not a list; an answer is
// given in parts, so that a sweep never holds the parsed metadata of more than a few hundred secrets.
import type { PresentState } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import { errorOfAnswer } from "../answer/answer-error.ts";
import { classifyAnswer, type JsonObject } from "../answer/classify-answer.ts";
import { encodePath, isAddressable } from "../transport/encode-path.ts";
import type { Answer, Transport } from "../transport/transport.ts";
import type { MountAddress } from "./address.ts";
import { parseMetadata } from "./parse-metadata.ts";
import { rawMembers, rawValueAt } from "./raw-json.ts";
import { readMetadata } from "./read.ts";

export interface ListedSecret {
  /** Whole path in the mount. */
  readonly path: string;
  readonly state: PresentState;
}

/** One page of a folder. */
export interface MetadataPage {
  readonly kind: "page";
  readonly items: readonly ListedSecret[];
  /** Keys that are there but can't be addressed or understood: seen, never gone. */
  readonly unreadable: readonly string[];
  /** Prefixes below this one, each ending in a slash. */
  readonly folders: readonly string[];
  /** Ask for the next page with `after` set to it; undefined: this was the folder's last. */
  readonly next: string | undefined;
  readonly observedAt: number;
  /** Of the answer; 0 where the page is made of several. */
  readonly sizeBytes: number;
  /** Of the same answer as the page before it: it was read when that was read. */
  readonly continues?: boolean;
  /** Where a walk goes on after this page, if it can go on from here. */
  readonly resume?: WalkPosition;
}

/** A place in a walk: what is left of it. */
export interface WalkPosition {
  /** Not begun yet. */
  readonly folders: readonly string[];
  /** Begun: to be gone on with after this key. */
  readonly begun?: { readonly prefix: string; readonly after: string };
}

export interface PageRequest {
  readonly after?: string | undefined;
  readonly limit: number;
  /** A page of fewer keys is the folder's last; `limit` if absent. Lower where the server may give less than asked. */
  readonly lastBelow?: number;
}

export interface WalkOptions {
  /** Of each folder's first page, and the most that one step gives. */
  readonly limit: number;
  /** Absent: from the beginning. */
  readonly from?: WalkPosition | undefined;
  readonly signal?: AbortSignal | undefined;
}

const LIST_MS_MAX = 60_000; // a page is a second of a busy server's work; its own limit of a request is 90 s
const PAGE_BYTES_MAX = 64 * 1024 * 1024; // 1,000 secrets of 500 versions each; a page beyond it needs a lower limit
// A page of a folder costs OpenBao a pass over the whole folder (measured on 2.7.2: 0.8 s for 100,000 keys, whatever the
// limit), so pages of large folders grow, up to about this size. What is held is the text; it is parsed in parts.
const PAGE_BYTES_AIM = 4 * 1024 * 1024;
const LIMIT_GROWTH = 2;
const GETS_AT_ONCE = 8; // of list and get on Vault: enough to hide the round trip, few enough to leave Vault its peace
const FOLDERS_MAX = 1_000_000; // one per secret of the largest source that is tested with; ends a server's endless tree

/** A page of detailed metadata under a prefix (`""` or ending in a slash); `unsupported` where Vault answers. */
export async function listDetailedMetadata(
  transport: Transport,
  mount: MountAddress,
  prefix: string,
  page: PageRequest,
  signal?: AbortSignal,
): Promise<MetadataPage | { readonly kind: "unsupported" }> {
  const what = `list detailed metadata of mount ${mount.mount}`;
  const read = await readDetailed(transport, mount, prefix, page, what, signal);
  if (read.kind !== "answer") return read;
  const items: ListedSecret[] = [];
  const unreadable = [...read.unreadable];
  for (const part of partsOf(read, prefix, Number.POSITIVE_INFINITY)) {
    items.push(...part.items);
    unreadable.push(...part.unreadable);
  }
  return { ...pageFacts(read), items, unreadable };
}

/** What an answer's list of keys says, and the text of the metadata, not parsed yet. */
interface DetailedAnswer {
  readonly kind: "answer";
  readonly folders: readonly string[];
  readonly unreadable: readonly string[];
  /** Whole paths of secrets. */
  readonly paths: readonly string[];
  readonly keyInfo: string;
  readonly next: string | undefined;
  readonly observedAt: number;
  readonly sizeBytes: number;
}

async function readDetailed(
  transport: Transport,
  mount: MountAddress,
  prefix: string,
  page: PageRequest,
  what: string,
  signal: AbortSignal | undefined,
): Promise<DetailedAnswer | MetadataPage | { readonly kind: "unsupported" }> {
  const answer = await sendList(transport, mount, "detailed-metadata", prefix, page, what, signal);
  if (answer.status === 200) return detailedOf(answer, prefix, page, what);
  const read = classifyAnswer(answer);
  if (read.kind === "absent") return emptyPage(answer.observedAt);
  // Both also happen on OpenBao (an unmounted engine, a policy without this path): the caller's plain list tells.
  if (read.kind === "mount-missing" || read.kind === "denied") return { kind: "unsupported" };
  throw errorOfAnswer(read, what);
}

function detailedOf(
  { body, observedAt }: Answer,
  prefix: string,
  { limit, lastBelow = limit }: PageRequest,
  what: string,
): DetailedAnswer {
  const keys = keysOf({ keys: parsed(rawValueAt(body, ["data", "keys"])) }, what);
  const keyInfo = rawValueAt(body, ["data", "key_info"]);
  if (keyInfo === undefined) {
    throw new KeyferryError("source-answer-unknown", `${what}: a page without key_info`);
  }
  return {
    kind: "answer",
    ...sortKeys(keys, prefix),
    keyInfo,
    next: keys.length < lastBelow ? undefined : keys.at(-1),
    observedAt,
    sizeBytes: body.length,
  };
}

interface Part {
  readonly items: readonly ListedSecret[];
  readonly unreadable: readonly string[];
  readonly isLast: boolean;
}

/** The secrets of an answer, so many at a time. Keys without metadata that can be understood are the last part's. */
function* partsOf(
  { paths, keyInfo, observedAt }: DetailedAnswer,
  prefix: string,
  sizeMax: number,
): Generator<Part> {
  const missing = new Set(paths);
  let items: ListedSecret[] = [];
  for (const [key, text] of rawMembers(keyInfo)) {
    const path = prefix + key;
    if (!missing.has(path)) continue; // a folder, or not in the list of keys
    const state = parseMetadata(parsed(text), observedAt);
    if (state === undefined) continue;
    missing.delete(path);
    if (items.length >= sizeMax) {
      yield { items, unreadable: [], isLast: false };
      items = [];
    }
    items.push({ path, state });
  }
  yield { items, unreadable: [...missing], isLast: true };
}

function pageFacts({ folders, next, observedAt, sizeBytes }: DetailedAnswer) {
  return { kind: "page", folders, next, observedAt, sizeBytes } as const;
}

/** JSON, or undefined for what is none. */
function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // the caller says what is missing; the text stays out of errors (P5)
  }
}

/** The whole mount. Each step of the iteration is one page, read when it is asked for. */
export async function* walkMetadata(
  transport: Transport,
  mount: MountAddress,
  options: WalkOptions,
): AsyncGenerator<MetadataPage, void, undefined> {
  const folders = [...(options.from?.folders ?? [""])];
  let begun = options.from?.begun;
  let detailed = true;
  for (let visited = 0; ; visited += 1) {
    const prefix = begun?.prefix ?? folders.pop();
    const after = begun?.after;
    begun = undefined;
    if (prefix === undefined) return;
    if (visited >= FOLDERS_MAX) {
      throw new KeyferryError(
        "source-answer-unknown",
        `Mount ${mount.mount} has more than ${FOLDERS_MAX} folders`,
      );
    }
    if (detailed) {
      const end = yield* pagesOf(transport, mount, { prefix, after }, folders, options);
      if (end === "whole") continue;
      detailed = false;
    }
    yield* listAndGet(transport, mount, prefix, folders, options);
  }
}

/** A folder by detailed pages that grow; `unsupported` at its first page only. */
async function* pagesOf(
  transport: Transport,
  mount: MountAddress,
  place: { readonly prefix: string; readonly after: string | undefined },
  folders: string[],
  options: WalkOptions,
): AsyncGenerator<MetadataPage, "whole" | "unsupported", undefined> {
  const what = `list detailed metadata of mount ${mount.mount}`;
  const { prefix } = place;
  let { after } = place;
  let { limit } = options;
  let mayGrow = true;
  for (;;) {
    const request = { after, limit, lastBelow: options.limit };
    const answer = await firstAnswer(transport, mount, prefix, request, what, options);
    if (answer === undefined) {
      if (limit === options.limit) return "unsupported";
      // A policy may hold the limit down (reference 3.3, `pagination_limit`).
      mayGrow = false;
      ({ limit } = options);
      continue;
    }
    folders.push(...answer.folders);
    if (answer.kind === "page") {
      yield { ...answer, resume: { folders: [...folders] } };
      return "whole";
    }
    after = answer.next;
    const resume = { folders: [...folders], ...(after === undefined ? {} : { begun: { prefix, after } }) };
    let continues = false;
    for (const { isLast, ...part } of partsOf(answer, prefix, options.limit)) {
      const unreadable = continues ? part.unreadable : [...answer.unreadable, ...part.unreadable];
      const facts = { ...pageFacts(answer), items: part.items, unreadable, continues };
      yield isLast ? { ...facts, resume } : facts;
      continues = true;
    }
    if (after === undefined) return "whole";
    if (mayGrow && answer.sizeBytes * LIMIT_GROWTH <= PAGE_BYTES_AIM) limit *= LIMIT_GROWTH;
  }
}

/** A detailed answer, an empty page where there is nothing (any more), or undefined if this server has none. */
async function firstAnswer(
  transport: Transport,
  mount: MountAddress,
  prefix: string,
  request: PageRequest,
  what: string,
  options: WalkOptions,
): Promise<DetailedAnswer | MetadataPage | undefined> {
  const answer = await readDetailed(transport, mount, prefix, request, what, options.signal);
  if (answer.kind === "unsupported") return undefined;
  // An empty mount and a server that doesn't know the path may answer alike; the plain list tells them apart.
  const isFirst = prefix === "" && request.after === undefined;
  const isEmpty = answer.kind === "page" || answer.paths.length + answer.folders.length === 0;
  if (isFirst && isEmpty && (await listKeys(transport, mount, prefix, options)).keys.length > 0)
    return undefined;
  return answer;
}

/** A folder by LIST, then GET for each key, in groups of `limit`. */
async function* listAndGet(
  transport: Transport,
  mount: MountAddress,
  prefix: string,
  folders: string[],
  options: WalkOptions,
): AsyncGenerator<MetadataPage, void, undefined> {
  const { keys, observedAt } = await listKeys(transport, mount, prefix, options);
  const sorted = sortKeys(keys, prefix);
  folders.push(...sorted.folders);
  for (let from = 0; from === 0 || from < sorted.paths.length; from += options.limit) {
    const paths = sorted.paths.slice(from, from + options.limit);
    const items = await getEach(transport, mount, paths, options.signal);
    yield {
      kind: "page",
      items,
      unreadable: from === 0 ? sorted.unreadable : [],
      folders: from === 0 ? sorted.folders : [],
      next: undefined,
      observedAt,
      sizeBytes: 0,
      ...(from + options.limit < sorted.paths.length ? {} : { resume: { folders: [...folders] } }),
    };
  }
}

async function getEach(
  transport: Transport,
  mount: MountAddress,
  paths: readonly string[],
  signal: AbortSignal | undefined,
): Promise<ListedSecret[]> {
  const items: ListedSecret[] = [];
  const queue = paths.values();
  const worker = async (): Promise<void> => {
    for (const path of queue) {
      const read = await readMetadata(transport, { ...mount, path }, signal);
      // Deleted since the list: not an item, so that whoever knows it looks at it by itself.
      if (read.kind === "present") items.push({ path, state: read.state });
    }
  };
  await Promise.all(Array.from({ length: GETS_AT_ONCE }, worker));
  return items;
}

async function listKeys(
  transport: Transport,
  mount: MountAddress,
  prefix: string,
  options: WalkOptions,
): Promise<{ keys: readonly string[]; observedAt: number }> {
  const what = `list mount ${mount.mount}`;
  const answer = await sendList(transport, mount, "metadata", prefix, undefined, what, options.signal);
  const read = classifyAnswer(answer);
  if (read.kind === "absent") return { keys: [], observedAt: answer.observedAt };
  if (read.kind !== "live") throw errorOfAnswer(read, what);
  return { keys: keysOf(read.data, what), observedAt: answer.observedAt };
}

function sendList(
  transport: Transport,
  mount: MountAddress,
  operation: "metadata" | "detailed-metadata",
  prefix: string,
  page: PageRequest | undefined,
  what: string,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  const folder = prefix === "" ? "" : `${encodePath(prefix.replace(/\/$/, ""))}/`;
  // GET with list=true, as proxies and Node's own server refuse the method LIST (reference section 6).
  const query = new URLSearchParams({ list: "true" });
  if (page !== undefined) query.set("limit", String(page.limit));
  if (page?.after !== undefined) query.set("after", page.after);
  return transport.send({
    method: "GET",
    path: `${encodePath(mount.mount)}/${operation}/${folder}?${query.toString()}`,
    namespace: mount.namespace,
    what,
    bytesMax: PAGE_BYTES_MAX,
    timeoutMs: LIST_MS_MAX,
    signal,
  });
}

interface SortedKeys {
  readonly paths: string[];
  readonly folders: string[];
  readonly unreadable: string[];
}

function sortKeys(keys: readonly string[], prefix: string): SortedKeys {
  const sorted: SortedKeys = { paths: [], folders: [], unreadable: [] };
  for (const key of keys) {
    const isFolder = key.endsWith("/");
    const path = prefix + key;
    if (!isAddressable(isFolder ? path.slice(0, -1) : path)) sorted.unreadable.push(path);
    // The entry beside a folder shows the metadata of the secret of the same name (reference 3.3): not taken.
    else if (isFolder) sorted.folders.push(path);
    else sorted.paths.push(path);
  }
  return sorted;
}

function keysOf(data: JsonObject, what: string): readonly string[] {
  const keys = data["keys"];
  if (Array.isArray(keys) && keys.every((key): key is string => typeof key === "string")) return keys;
  throw new KeyferryError("source-answer-unknown", `${what}: a list without keys`);
}

function emptyPage(observedAt: number): MetadataPage {
  return { kind: "page", items: [], unreadable: [], folders: [], next: undefined, observedAt, sizeBytes: 0 };
}
