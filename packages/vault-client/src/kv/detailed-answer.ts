// Owns: one answer of OpenBao's detailed-metadata: its keys at once, its metadata in parts, so that a sweep never holds the
// parsed metadata of more than a few hundred secrets. Does not own: which page is asked for.
import { KeyferryError } from "@keyferry/errors";
import { errorOfAnswer } from "../answer/answer-error.ts";
import { classifyAnswer } from "../answer/classify-answer.ts";
import type { Answer, Transport } from "../transport/transport.ts";
import type { MountAddress } from "./address.ts";
import { keysOf, sendList, sortKeys } from "./list-keys.ts";
import { emptyPage, type ListedSecret, type MetadataPage, type PageRequest } from "./metadata-page.ts";
import { parseMetadata } from "./parse-metadata.ts";
import { rawMembers, rawValueAt } from "./raw-json.ts";

/** What an answer's list of keys says, and the text of the metadata, not parsed yet. */
export interface DetailedAnswer {
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

/** An answer, an empty page where there is nothing, or `unsupported`. Throws the source's errors. */
export async function readDetailed(
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
export function* partsOf(
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

/** What of an answer each of its pages says. */
export function pageFacts({ folders, next, observedAt, sizeBytes }: DetailedAnswer) {
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
