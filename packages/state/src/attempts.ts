// Owns: how often a command was tried, for backoff. Of one fence: a new command starts at one.
import type { Fence, SecretKey, Uid } from "@keyferry/contracts";
import { attemptsKey } from "./keys.ts";
import type { Connection } from "./redis.ts";

const KEEP_MS = 7 * 24 * 3_600_000; // longer than any backoff

export class Attempts {
  readonly #redis: Connection;

  constructor(redis: Connection) {
    this.#redis = redis;
  }

  /** Counts one; 1 for the first of this fence. */
  async count(destination: Uid, key: SecretKey, fence: Fence): Promise<number> {
    const args = [`${fence.epoch}.${fence.sequence}`, KEEP_MS];
    return Number(await this.#redis.script("attempts-count", [attemptsKey(destination, key)], args));
  }

  /** After a success. */
  async clear(destination: Uid, key: SecretKey): Promise<void> {
    await this.#redis.run((redis) => redis.del(attemptsKey(destination, key)));
  }
}
