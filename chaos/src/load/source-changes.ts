// Owns: changes at the source and through the API, whose outcome is known afterwards whatever became of the answer.

import { setTimeout as delay } from "node:timers/promises";
import type { VaultApi } from "@keyferry/testkit";
import { MOUNT } from "../stand/configuration.ts";
import { type Pair, shaOf, type Story } from "./story.ts";

const RETRY_MS = 300;
/** Longer than any one fault. */
const GIVE_UP_MS = 240_000;

export type ChangeKind = "write" | "delete" | "undelete" | "remove-metadata" | "associate" | "dissociate";

export interface Tally {
  readonly changes: Record<ChangeKind, number>;
  /** Calls that had no answer, or one that says "later". */
  refused: { source: number; api: number };
  /** From the first refusal to the next answer, ms. */
  longest: { sourceMs: number; apiMs: number };
}

export class Changes {
  readonly tally: Tally = {
    changes: { write: 0, delete: 0, undelete: 0, "remove-metadata": 0, associate: 0, dissociate: 0 },
    refused: { source: 0, api: 0 },
    longest: { sourceMs: 0, apiMs: 0 },
  };
  readonly #source: VaultApi;
  readonly #apis: readonly VaultApi[];
  readonly #marker: string;
  #written = 0;
  #nextApi = 0;

  constructor(source: VaultApi, apis: readonly VaultApi[], marker: string) {
    this.#source = source;
    this.#apis = apis;
    this.#marker = marker;
  }

  /** Writes a new value, which no other write has. */
  async write(story: Story): Promise<void> {
    this.#written += 1;
    const data = { value: `${this.#marker}-${this.#written}-${story.path}` };
    this.tally.changes.write += 1;
    await this.#change(story, "POST", `${MOUNT}/data/${story.path}`, { data }, data);
  }

  /** As `kv delete`: the latest version. */
  async delete(story: Story): Promise<void> {
    this.tally.changes.delete += 1;
    await this.#change(story, "DELETE", `${MOUNT}/data/${story.path}`);
  }

  async undelete(story: Story): Promise<void> {
    this.tally.changes.undelete += 1;
    await this.#change(story, "POST", `${MOUNT}/undelete/${story.path}`, { versions: [story.current] });
  }

  /** All versions and what is known of them; the next write makes the secret anew. */
  async removeMetadata(story: Story): Promise<void> {
    this.tally.changes["remove-metadata"] += 1;
    await this.#change(story, "DELETE", `${MOUNT}/metadata/${story.path}`);
  }

  async associate(story: Story, pair: Pair): Promise<void> {
    this.tally.changes.associate += 1;
    const atMs = await this.#throughApi(story, pair, "set");
    if (atMs === undefined) return;
    pair.isAssociated = true;
    pair.wish(story.live, atMs, true);
  }

  async dissociate(story: Story, pair: Pair): Promise<void> {
    this.tally.changes.dissociate += 1;
    const atMs = await this.#throughApi(story, pair, "remove");
    if (atMs === undefined) return;
    pair.isAssociated = false;
    pair.wish(undefined, atMs, true);
  }

  /** One call; then the source is asked what is true now, until it answers. */
  async #change(
    story: Story,
    method: string,
    path: string,
    body?: object,
    data?: Record<string, string>,
  ): Promise<void> {
    const startedMs = Date.now();
    const status = await this.#source.call(method, path, body).then(
      (answer) => answer.status,
      () => 0,
    );
    const answeredMs = Date.now();
    const isExact = status >= 200 && status < 300;
    if (!isExact) this.tally.refused.source += 1;
    const versions = await this.#versions(story.path, startedMs);
    const current = Math.max(0, ...versions.map(({ number }) => number));
    if (current < story.current) story.versions.clear();
    if (data !== undefined && (current > story.current || (current > 0 && story.versions.size === 0))) {
      story.versions.set(current, shaOf(data));
    }
    story.current = current;
    const highest = versions.filter(({ isLive }) => isLive).toSorted((a, b) => b.number - a.number)[0];
    story.see(
      highest === undefined ? undefined : story.versions.get(highest.number),
      isExact ? answeredMs : Date.now(),
      isExact,
    );
  }

  async #versions(path: string, sinceMs: number): Promise<readonly { number: number; isLive: boolean }[]> {
    for (;;) {
      const answer = await this.#source.call("GET", `${MOUNT}/metadata/${path}`).catch(() => undefined);
      if (answer?.status === 404) return [];
      if (answer?.status === 200) {
        const { data } = answer.body as {
          data: { versions: Record<string, { deletion_time: string; destroyed: boolean }> };
        };
        return Object.entries(data.versions).map(([number, facts]) => ({
          number: Number(number),
          isLive: facts.deletion_time === "" && !facts.destroyed,
        }));
      }
      const waitedMs = Date.now() - sinceMs;
      this.tally.longest.sourceMs = Math.max(this.tally.longest.sourceMs, waitedMs);
      if (waitedMs > GIVE_UP_MS) throw new Error(`the source gave no answer for ${waitedMs} ms`);
      await delay(RETRY_MS);
    }
  }

  /** The same call until one of the services takes it: it may be repeated. Undefined: refused for good. */
  async #throughApi(story: Story, pair: Pair, verb: "set" | "remove"): Promise<number | undefined> {
    const path = `sys/sync/destinations/azure-kv/${pair.vault}/associations/${verb}`;
    const body = { mount: MOUNT, secret_name: story.path };
    const startedMs = Date.now();
    for (;;) {
      this.#nextApi += 1;
      const api = this.#apis[this.#nextApi % this.#apis.length];
      const status = await api?.call("PUT", path, body).then(
        (answer) => answer.status,
        () => 0,
      );
      if (status === 200 || status === 204) return Date.now();
      if (status === 400 || status === 404) return undefined;
      this.tally.refused.api += 1;
      const waitedMs = Date.now() - startedMs;
      this.tally.longest.apiMs = Math.max(this.tally.longest.apiMs, waitedMs);
      if (waitedMs > GIVE_UP_MS)
        throw new Error(`no association-service took a change for ${waitedMs} ms (${status})`);
      await delay(RETRY_MS);
    }
  }
}
