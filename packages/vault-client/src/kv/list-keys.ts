// Owns: the lists of a mount's keys as the server gives them: asking, and telling secrets from folders. Does not own: what
// is read of each key.
import { KeyferryError } from "@keyferry/errors";
import type { JsonObject } from "../answer/classify-answer.ts";
import { encodePath, isAddressable } from "../transport/encode-path.ts";
import type { Answer, Transport } from "../transport/transport.ts";
import type { MountAddress } from "./address.ts";
import type { PageRequest } from "./metadata-page.ts";

const LIST_MS_MAX = 30_000; // a page is a second of a busy server's work; its own limit of a request is 90 s
const PAGE_BYTES_MAX = 64 * 1024 * 1024; // 1,000 secrets of 500 versions each; a page beyond it needs a lower limit

/** Asks for a list of keys, or for a page of detailed metadata. */
export function sendList(
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

export interface SortedKeys {
  readonly paths: string[];
  readonly folders: string[];
  readonly unreadable: string[];
}

/** What a folder's keys are. */
export function sortKeys(keys: readonly string[], prefix: string): SortedKeys {
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

/** The keys of a list. Throws `source-answer-unknown`. */
export function keysOf(data: JsonObject, what: string): readonly string[] {
  const keys = data["keys"];
  if (Array.isArray(keys) && keys.every((key): key is string => typeof key === "string")) return keys;
  throw new KeyferryError("source-answer-unknown", `${what}: a list without keys`);
}
