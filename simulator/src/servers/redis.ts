// Owns: Redis as the sinks use it: keys with expiry, a primary that fails over and forgets its last writes, a flush.
// Scripts are redis-scripts.ts. Contract tests compare both with a real server.
import type { Scheduler } from "../time/scheduler.ts";

type Stored =
  | { kind: "text"; text: string }
  | { kind: "hash"; fields: Map<string, string> }
  | { kind: "zset"; scores: Map<string, number> };
type Held = Stored & { expiresAt: number };

interface Undo {
  readonly at: number;
  readonly key: string;
  readonly before: Held | undefined;
}

const UNDO_MS = 20_000;

export class RedisModel {
  readonly scheduler: Scheduler;
  /** How far this server's clock is from the world's, ms. */
  clockOffsetMs = 0;
  readonly #keys = new Map<string, Held>();
  readonly #undo: Undo[] = [];
  readonly #sets = new Set<string>();
  readonly #parkListeners = new Set<() => void>();

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler;
  }

  get now(): number {
    return this.scheduler.now + this.clockOffsetMs;
  }

  get size(): number {
    return this.#keys.size;
  }

  setIfAbsent(key: string, text: string, leaseMs: number): boolean {
    if (this.#find(key) !== undefined) return false;
    this.#write(key, { kind: "text", text, expiresAt: this.now + leaseMs });
    return true;
  }

  text(key: string): string | undefined {
    const held = this.#find(key);
    return held?.kind === "text" ? held.text : undefined;
  }

  expire(key: string, ms: number): boolean {
    const held = this.#find(key);
    if (held === undefined) return false;
    this.#write(key, { ...held, expiresAt: this.now + ms });
    return true;
  }

  delete(...keys: readonly string[]): number {
    let count = 0;
    for (const key of keys) {
      if (this.#find(key) === undefined) continue;
      this.#write(key, undefined);
      count += 1;
    }
    return count;
  }

  exists(key: string): boolean {
    return this.#find(key) !== undefined;
  }

  field(key: string, name: string): string | undefined {
    const held = this.#find(key);
    return held?.kind === "hash" ? held.fields.get(name) : undefined;
  }

  setFields(key: string, fields: Readonly<Record<string, string>>): void {
    const held = this.#find(key);
    const known = held?.kind === "hash" ? held.fields : [];
    const expiresAt = held?.expiresAt ?? Number.POSITIVE_INFINITY;
    this.#write(key, { kind: "hash", fields: new Map([...known, ...Object.entries(fields)]), expiresAt });
  }

  score(key: string, member: string): number | undefined {
    const held = this.#find(key);
    return held?.kind === "zset" ? held.scores.get(member) : undefined;
  }

  setScore(key: string, member: string, score: number): boolean {
    const held = this.#find(key);
    const scores = new Map(held?.kind === "zset" ? held.scores : []);
    const isNew = !scores.has(member);
    this.#sets.add(key);
    scores.set(member, score);
    this.#write(key, { kind: "zset", scores, expiresAt: Number.POSITIVE_INFINITY });
    for (const listener of this.#parkListeners) listener();
    return isNew;
  }

  removeMember(key: string, member: string): number {
    const held = this.#find(key);
    if (held?.kind !== "zset" || !held.scores.has(member)) return 0;
    const scores = new Map(held.scores);
    scores.delete(member);
    this.#write(
      key,
      scores.size === 0 ? undefined : { kind: "zset", scores, expiresAt: Number.POSITIVE_INFINITY },
    );
    return 1;
  }

  upTo(key: string, score: number, limit: number): string[] {
    const held = this.#find(key);
    if (held?.kind !== "zset") return [];
    return [...held.scores]
      .filter(([, at]) => at <= score)
      .sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1))
      .slice(0, limit)
      .map(([member]) => member);
  }

  /** A replica without the last writes is promoted. */
  failOver(lostMs: number): number {
    const from = this.scheduler.now - lostMs;
    let lost = 0;
    for (let undo = this.#undo.at(-1); undo !== undefined && undo.at >= from; undo = this.#undo.at(-1)) {
      this.#undo.pop();
      lost += 1;
      if (undo.before === undefined) this.#keys.delete(undo.key);
      else this.#keys.set(undo.key, undo.before);
    }
    for (const listener of this.#parkListeners) listener();
    return lost;
  }

  flush(): void {
    this.#keys.clear();
    this.#undo.length = 0;
  }

  #find(key: string): Held | undefined {
    const held = this.#keys.get(key);
    if (held === undefined || held.expiresAt > this.now) return held;
    this.#keys.delete(key);
    return undefined;
  }

  #write(key: string, held: Held | undefined): void {
    const { now } = this.scheduler;
    this.#undo.push({ at: now, key, before: this.#keys.get(key) });
    while (this.#undo[0] !== undefined && this.#undo[0].at < now - UNDO_MS) this.#undo.shift();
    if (held === undefined) this.#keys.delete(key);
    else this.#keys.set(key, held);
  }

  /** When the first member of any set of times is due; for who polls it (clock.ts). */
  nextDue(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const key of this.#sets) {
      const held = this.#find(key);
      if (held?.kind === "zset") for (const score of held.scores.values()) next = Math.min(next, score);
    }
    return next;
  }

  onParked(listener: () => void): () => void {
    this.#parkListeners.add(listener);
    return () => this.#parkListeners.delete(listener);
  }
}
