// Owns: reading a whole mount's metadata, page by page: OpenBao's detailed-metadata, list and get elsewhere.
// Does not own: what a missing key means. Invariants: a walk that ends without throwing has shown every key that was
// there throughout; a page that can't be read ends it with an error, as a partial list is not a list; an answer is
// given in parts, so that a sweep never holds the parsed metadata of more than a few hundred secrets.
import { KeyferryError } from "@keyferry/errors";
import { errorOfAnswer } from "../answer/answer-error.ts";
import { classifyAnswer } from "../answer/classify-answer.ts";
import type { Transport } from "../transport/transport.ts";
import type { MountAddress } from "./address.ts";
import { type DetailedAnswer, pageFacts, partsOf, readDetailed } from "./detailed-answer.ts";
import { keysOf, sendList, sortKeys } from "./list-keys.ts";
import type { ListedSecret, MetadataPage, PageRequest, WalkOptions } from "./metadata-page.ts";
import { readMetadata } from "./read.ts";

// A page of a folder costs OpenBao a pass over the whole folder (measured on 2.7.2: 0.8 s for 100,000 keys, whatever the
// limit), so pages of large folders grow, up to about this size. What is held is the text; it is parsed in parts.
const PAGE_BYTES_AIM = 8 * 1024 * 1024;
const LIMIT_GROWTH_MAX = 8; // what follows may be larger than what was seen
const LIMIT_MAX = 20_000; // far below the largest answer that is read, also where secrets are ten times as large from here on
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
    if (mayGrow) limit = nextLimit(limit, answer, options.limit);
  }
}

// As many as come to the aim if they are like those of the last page; fewer again where secrets turn out larger.
function nextLimit(
  limit: number,
  { paths, folders, sizeBytes }: Pick<DetailedAnswer, "paths" | "folders" | "sizeBytes">,
  limitMin: number,
): number {
  const fitting = Math.floor(((paths.length + folders.length) * PAGE_BYTES_AIM) / Math.max(1, sizeBytes));
  return Math.max(limitMin, Math.min(limit * LIMIT_GROWTH_MAX, fitting, LIMIT_MAX));
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
