// Owns: a copy of the last message in SYNC_RESULTS per (destination, secret). Only a copy: JetStream decides, and an
// intent whose compare-and-set fails says that this one was stale (DESIGN section 4). Holds no value; records have none.
import { type SecretKey, type SyncRecord, syncRecordSchema, type Uid } from "@keyferry/contracts";
import { recordKey } from "./keys.ts";
import type { Connection } from "./redis.ts";

export interface CachedRecord {
  readonly record: SyncRecord;
  /** Of the message in SYNC_RESULTS. */
  readonly sequence: number;
  /** Of the command at hand when it was remembered: sequences start anew with an epoch. */
  readonly epoch: number;
}

// Redis must not forget by itself (noeviction), so what nobody has touched for a week goes: reading it again costs one
// message. 100,000 records of 1 KB that change weekly are 100 MB.
const KEEP_MS = 7 * 24 * 3_600_000;

export class Records {
  readonly #redis: Connection;

  constructor(redis: Connection) {
    this.#redis = redis;
  }

  /** What is remembered, if anything readable is. */
  async get(destination: Uid, key: SecretKey): Promise<CachedRecord | undefined> {
    const fields = await this.#redis.run((redis) =>
      redis.hmget(recordKey(destination, key), "epoch", "sequence", "record"),
    );
    const [epoch, sequence, text] = fields;
    if (typeof epoch !== "string" || typeof sequence !== "string" || typeof text !== "string")
      return undefined;
    const record = syncRecordSchema.safeParse(parsed(text));
    // Of another version of Keyferry, or damaged: as good as none.
    if (!record.success) return undefined;
    return { record: record.data, sequence: Number(sequence), epoch: Number(epoch) };
  }

  /** Remembers it unless what is there is as new or newer. */
  async remember(destination: Uid, key: SecretKey, cached: CachedRecord): Promise<"stored" | "older"> {
    const args = [cached.epoch, cached.sequence, JSON.stringify(cached.record), KEEP_MS];
    const reply = await this.#redis.script("record-remember", [recordKey(destination, key)], args);
    return reply === 1 ? "stored" : "older";
  }

  /** Drops it: after a lost compare-and-set, say. */
  async forget(destination: Uid, key: SecretKey): Promise<void> {
    await this.#redis.run((redis) => redis.del(recordKey(destination, key)));
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // damaged; safeParse refuses it
  }
}
