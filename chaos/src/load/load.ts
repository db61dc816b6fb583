// Owns: the load: which change comes next to which secret, at an even rate, for as long as it is let.

import { setTimeout as delay } from "node:timers/promises";
import type { Chance } from "../chance.ts";
import type { Changes } from "./source-changes.ts";
import type { Story } from "./story.ts";

/** A burst rewrites all bulk secrets, so that the vault's limit is met while things fail. */
const BURST_CONCURRENCY = 8;
const WEIGHTS = {
  write: 70,
  delete: 8,
  undelete: 8,
  "remove-metadata": 3,
  associate: 6,
  dissociate: 5,
} as const;

export class Load {
  readonly #chance: Chance;
  readonly #changes: Changes;
  readonly #stories: readonly Story[];
  readonly #ratePerS: number;
  readonly #failures: Error[] = [];
  readonly #open = new Set<Promise<void>>();

  constructor(parts: { chance: Chance; changes: Changes; stories: readonly Story[]; ratePerS: number }) {
    this.#chance = parts.chance;
    this.#changes = parts.changes;
    this.#stories = parts.stories;
    this.#ratePerS = parts.ratePerS;
  }

  /** Makes changes until the signal; all of them have ended when this resolves. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#next();
      await delay(1_000 / this.#ratePerS, undefined, { signal }).catch(() => undefined);
    }
    await Promise.all(this.#open);
    if (this.#failures.length > 0) throw new AggregateError(this.#failures, this.#failures[0]?.message);
  }

  /** Rewrites each of these once. */
  async burst(stories: readonly Story[]): Promise<void> {
    const queue = stories[Symbol.iterator]();
    const writer = async (): Promise<void> => {
      for (const story of queue) {
        await this.#changes.write(story);
        for (const pair of story.pairs) if (!pair.isAssociated) await this.#changes.associate(story, pair);
      }
    };
    await Promise.all(Array.from({ length: BURST_CONCURRENCY }, writer));
  }

  #next(): void {
    const story = this.#chance.pick(this.#stories);
    const kind = this.#chance.weighted(WEIGHTS);
    const pair = this.#chance.pick(story.pairs);
    // Drawn all the same, so that a seed's choices don't depend on how long an answer takes.
    if (story.isBusy) return;
    story.isBusy = true;
    const work = this.#make(kind, story, pair)
      .catch((error: unknown) => {
        this.#failures.push(error instanceof Error ? error : new Error(String(error)));
      })
      .finally(() => {
        story.isBusy = false;
        this.#open.delete(work);
      });
    this.#open.add(work);
  }

  async #make(kind: keyof typeof WEIGHTS, story: Story, pair: Story["pairs"][number]): Promise<void> {
    const changes = this.#changes;
    switch (kind) {
      case "write":
        return await changes.write(story);
      case "delete":
        return story.live === undefined ? await changes.write(story) : await changes.delete(story);
      case "undelete":
        return story.current === 0 ? await changes.write(story) : await changes.undelete(story);
      case "remove-metadata":
        return story.current === 0 ? await changes.write(story) : await changes.removeMetadata(story);
      case "associate":
        return story.live === undefined ? await changes.write(story) : await changes.associate(story, pair);
      case "dissociate":
        return pair.isAssociated ? await changes.dissociate(story, pair) : await changes.write(story);
    }
  }
}
