// Owns: what waits for a time: names that Key Vault is deleting or recovering, retries with a backoff, re-checks. It has
// left its consumer, so nothing else waits for it (hazard name-waits-alone). Lost with Redis; settle finds it again (O5).
import type { SecretKey, Uid } from "@keyferry/contracts";
import { LATER_KEY, memberOf, parseMember } from "./keys.ts";
import type { Connection } from "./redis.ts";

export interface LaterItem {
  readonly destination: Uid;
  readonly key: SecretKey;
  /** Tells this claim from a later parking; for `unpark`. */
  readonly claim: number;
}

export class Later {
  readonly #redis: Connection;

  constructor(redis: Connection) {
    this.#redis = redis;
  }

  /** Parks until `untilMs` (milliseconds since 1970), in place of an earlier parking or claim. */
  async park(destination: Uid, key: SecretKey, untilMs: number): Promise<void> {
    await this.#redis.run((redis) => redis.zadd(LATER_KEY, untilMs, memberOf(destination, key)));
  }

  /** Claims up to `limit` of what is due. Each comes again after `visibilityMs` unless it is unparked. */
  async claimDue(nowMs: number, limit: number, visibilityMs: number): Promise<LaterItem[]> {
    const members = await this.#redis.script("later-claim", [LATER_KEY], [nowMs, limit, visibilityMs]);
    if (!Array.isArray(members)) return [];
    return members.flatMap((member) => {
      const item = typeof member === "string" ? parseMember(member) : undefined;
      return item === undefined ? [] : [{ ...item, claim: nowMs + visibilityMs }];
    });
  }

  /** Takes it out; with a claim only if nobody has parked it anew since. */
  async unpark(destination: Uid, key: SecretKey, claim?: number): Promise<boolean> {
    const member = memberOf(destination, key);
    if (claim === undefined) return (await this.#redis.run((redis) => redis.zrem(LATER_KEY, member))) === 1;
    return (await this.#redis.script("later-unpark", [LATER_KEY], [member, claim])) === 1;
  }
}
