// Owns: whether a caller may do what it asks, by its own token and Vault's policies: sys/capabilities-self on the path
// it calls (DESIGN section 8). Keyferry has no permissions of its own.
// Invariants: writes are never answered from the cache, but by a question that began after they came; reads for at most CACHE_MS, under a keyed hash of the token;
// the right is proven before anything is looked up with Keyferry's own token (hazard capabilities-corners).

import { createHmac } from "node:crypto";
import type { Clock, Random } from "@keyferry/ports";
import { namespaceMissing, permissionDenied, Refusal } from "../gateway/refusal.ts";
import { orAborted } from "../boot/shared-looks.ts";
import type { SourcePort } from "../ports.ts";
import type { Caller } from "./caller.ts";
import { SharedQuestions } from "./shared-questions.ts";

/** Vault's capabilities that this API asks for. */
export type Capability = "create" | "read" | "update" | "delete" | "list" | "patch" | "sudo";

/** A path and what it takes: one of these capabilities is enough. */
export interface Right {
  /** Without `v1/`; the very string that is called or read. A trailing slash for lists, as Vault's policies match them. */
  readonly path: string;
  readonly anyOf: readonly Capability[];
}

const CACHE_MS = 10_000;
// Enough for every dashboard that polls; beyond it the oldest entries go.
const CACHE_ENTRIES_MAX = 2_000;
const KEY_BYTES = 32;

interface CacheEntry {
  readonly capabilities: readonly string[];
  readonly until: number;
}

export interface AuthoriserOptions {
  readonly source: Pick<SourcePort, "capabilitiesSelf">;
  readonly clock: Clock;
  readonly random: Random;
}

export class Authoriser {
  readonly #options: AuthoriserOptions;
  readonly #cacheKey: Buffer;
  readonly #cache = new Map<string, CacheEntry>();
  readonly #questions = new SharedQuestions();

  constructor(options: AuthoriserOptions) {
    this.#options = options;
    this.#cacheKey = options.random.bytes(KEY_BYTES);
  }

  /**
   * Lets a read pass or throws; may answer from the cache.
   * @throws Refusal 403 in Vault's words; KeyferryError `source-*`
   */
  async read(caller: Caller, right: Right, signal?: AbortSignal): Promise<void> {
    const key = this.#keyOf(caller, right.path);
    const now = this.#options.clock.now();
    const known = this.#cache.get(key);
    const capabilities =
      known !== undefined && known.until > now
        ? known.capabilities
        : (await this.#ask(caller, [right.path], signal)).get(right.path);
    if (capabilities === undefined) throw permissionDenied();
    if (known === undefined || known.until <= now) {
      this.#remember(key, { capabilities, until: now + CACHE_MS });
    }
    if (!grants(capabilities, right.anyOf)) throw permissionDenied();
  }

  /**
   * Lets a write pass or throws; asks the source each time.
   * @throws Refusal 403 in Vault's words; KeyferryError `source-*`
   */
  async write(caller: Caller, rights: readonly Right[], signal?: AbortSignal): Promise<void> {
    const paths = rights.map((right) => right.path);
    const capabilities = await this.#ask(caller, paths, signal);
    for (const { path, anyOf } of rights) {
      if (!grants(capabilities.get(path) ?? [], anyOf)) throw permissionDenied();
    }
  }

  /**
   * Lets a set pass or throws, and tells whether the caller may read the secret that it names, as Vault asks at set;
   * both in one question to the source, asked each time.
   * @throws Refusal 403 in Vault's words if it may not set at all; KeyferryError `source-*`
   */
  async set(
    caller: Caller,
    right: Right,
    secret: { readonly mount: string; readonly path: string },
    signal?: AbortSignal,
  ): Promise<{ readonly mayRead: boolean }> {
    const dataPath = `${secret.mount}/data/${secret.path}`;
    const capabilities = await this.#ask(caller, [right.path, dataPath], signal);
    if (!grants(capabilities.get(right.path) ?? [], right.anyOf)) throw permissionDenied();
    return { mayRead: grants(capabilities.get(dataPath) ?? [], ["read"]) };
  }

  async #ask(
    caller: Caller,
    paths: readonly string[],
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, readonly string[]>> {
    const { token, namespace } = caller;
    const { source } = this.#options;
    // Held while the question is on its way, as the requests themselves are; a hash of it would cost a tenth of a set.
    const asker = JSON.stringify([namespace, token.reveal()]);
    // Whoever shares the question has a signal of its own: it ends the waiting, not the question.
    const asked = this.#questions.ask(asker, paths, (all) => source.capabilitiesSelf(token, all, namespace));
    const answer = await orAborted(asked, signal);
    if (answer.kind === "refused") throw permissionDenied();
    if (answer.kind === "namespace-missing") throw namespaceMissing();
    return answer.capabilities;
  }

  #keyOf({ token, namespace }: Caller, path: string): string {
    const fields = JSON.stringify([token.reveal(), namespace, path]);
    return createHmac("sha256", this.#cacheKey).update(fields).digest("base64url");
  }

  #remember(key: string, entry: CacheEntry): void {
    this.#cache.delete(key);
    this.#cache.set(key, entry);
    if (this.#cache.size <= CACHE_ENTRIES_MAX) return;
    const [oldest] = this.#cache.keys();
    if (oldest !== undefined) this.#cache.delete(oldest);
  }
}

/** 403 in Vault's sentence at set and update (reference). */
export function secretDenied(mount: string, path: string): Refusal {
  return new Refusal(403, [`permission denied to read the content of the secret ${path} in mount ${mount}`]);
}

/** True if Vault's answer for a path holds one of the capabilities; `root` holds all, `deny` none. Pure. */
export function grants(capabilities: readonly string[], anyOf: readonly Capability[]): boolean {
  if (capabilities.includes("deny")) return false;
  return capabilities.includes("root") || anyOf.some((capability) => capabilities.includes(capability));
}
