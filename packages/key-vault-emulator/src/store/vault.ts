// Owns: the secrets of one vault by name, and their order in lists.
// Does not own: what an operation means (secrets/), or the clock: the time comes in with each call.
// Invariants: a key is in `live` while lists must walk over it (all but purging), in `deleted` while it is deleted;
// a record whose phase is `gone` is dropped whenever it is met.
import { phaseAt } from "../soft-delete/lifecycle.ts";
import type { Phase, Retention } from "../soft-delete/lifecycle.ts";
import { keyOf } from "./secret.ts";
import type { SecretRecord } from "./secret.ts";
import { SortedKeys } from "./sorted-keys.ts";

export interface VaultSettings extends Retention {
  /** Vaults of one group share the limits of a subscription and region. */
  readonly rateGroup: string;
}

export interface Found {
  readonly record: SecretRecord;
  readonly phase: Phase;
}

/** One vault. */
export class Vault {
  readonly name: string;
  readonly settings: VaultSettings;
  #records = new Map<string, SecretRecord>();
  #live = new SortedKeys();
  #deleted = new SortedKeys();

  constructor(name: string, settings: VaultSettings) {
    this.name = name;
    this.settings = settings;
  }

  /** The record of a name and its phase; undefined where the name is free. */
  find(name: string, nowMs: number): Found | undefined {
    const key = keyOf(name);
    const record = this.#records.get(key);
    if (record === undefined) return undefined;
    const phase = phaseAt(record.lifecycle, nowMs);
    if (phase === "gone") {
      this.#drop(key);
      return undefined;
    }
    return { record, phase };
  }

  /** Stores a record in place of any other of its name. */
  store(record: SecretRecord): void {
    const key = keyOf(record.name);
    this.#records.set(key, record);
    if (record.lifecycle.kind === "purging") this.#live.delete(key);
    else this.#live.add(key);
    if (record.lifecycle.kind === "deleted") this.#deleted.add(key);
    else this.#deleted.delete(key);
  }

  /** Walks up to `count` names after a cursor, deleted ones included: whoever lists hides them, and may end up empty. */
  walk(cursor: string | undefined, count: number, nowMs: number): Walk {
    return this.#walk(this.#live, cursor, count, nowMs);
  }

  /** Walks the names under /deletedsecrets, those still being deleted included. */
  walkDeleted(cursor: string | undefined, count: number, nowMs: number): Walk {
    return this.#walk(this.#deleted, cursor, count, nowMs);
  }

  /** All records that are not gone, in order of name, purging ones last. */
  all(nowMs: number): Found[] {
    const found: Found[] = [];
    for (const record of this.#records.values()) {
      const phase = phaseAt(record.lifecycle, nowMs);
      if (phase !== "gone") found.push({ record, phase });
    }
    return found.sort((a, b) => (keyOf(a.record.name) < keyOf(b.record.name) ? -1 : 1));
  }

  /** A copy that later changes do not reach. */
  clone(): Vault {
    const copy = new Vault(this.name, this.settings);
    copy.#records = new Map(this.#records);
    copy.#live = this.#live.clone();
    copy.#deleted = this.#deleted.clone();
    return copy;
  }

  #walk(keys: SortedKeys, cursor: string | undefined, count: number, nowMs: number): Walk {
    const seen = keys.after(cursor, count + 1);
    const page = seen.slice(0, count);
    const found: Found[] = [];
    for (const key of page) {
      const one = this.find(key, nowMs);
      if (one !== undefined) found.push(one);
    }
    return { found, goOnAfter: seen.length > count ? page.at(-1) : undefined };
  }

  #drop(key: string): void {
    this.#records.delete(key);
    this.#live.delete(key);
    this.#deleted.delete(key);
  }
}

export interface Walk {
  readonly found: readonly Found[];
  /** The cursor of the next page; undefined at the end. */
  readonly goOnAfter: string | undefined;
}
