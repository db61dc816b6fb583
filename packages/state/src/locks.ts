// Owns: who may write a name in a vault. A lock keeps two sinks out of each other's way; what makes a stale writer
// harmless is the intent's compare-and-set (DESIGN section 4), as locks of a Redis that failed over can be lost.
// Invariant: `leftMs` is never more than Redis has left: it is counted from before the command was sent.
import type { Clock, Random } from "@keyferry/ports";
import { lockKey } from "./keys.ts";
import type { Connection } from "./redis.ts";

export interface Lock {
  readonly token: string;
  readonly vaultHost: string;
  readonly lowerName: string;
  /** Milliseconds for which it surely holds; 0 when that time is over. */
  leftMs(): number;
}

export class Locks {
  readonly #redis: Connection;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(redis: Connection, clock: Clock, random: Random) {
    this.#redis = redis;
    this.#clock = clock;
    this.#random = random;
  }

  /** The lock of a name, if it is free. */
  async take(vaultHost: string, lowerName: string, leaseMs: number): Promise<Lock | undefined> {
    const token = this.#random.uuid();
    const until = this.#clock.now() + leaseMs;
    const key = lockKey(vaultHost, lowerName);
    const reply = await this.#redis.run((redis) => redis.set(key, token, "PX", leaseMs, "NX"));
    return reply === "OK" ? this.#lock({ token, vaultHost, lowerName }, until) : undefined;
  }

  /** The lock with another lease from now; undefined if it is not ours any more. */
  async extend(lock: Lock, leaseMs: number): Promise<Lock | undefined> {
    const until = this.#clock.now() + leaseMs;
    const key = lockKey(lock.vaultHost, lock.lowerName);
    const reply = await this.#redis.script("lock-extend", [key], [lock.token, leaseMs]);
    return reply === 1 ? this.#lock(lock, until) : undefined;
  }

  /** False if it was not ours any more. */
  async release(lock: Lock): Promise<boolean> {
    const key = lockKey(lock.vaultHost, lock.lowerName);
    return (await this.#redis.script("lock-release", [key], [lock.token])) === 1;
  }

  #lock(of: Pick<Lock, "token" | "vaultHost" | "lowerName">, until: number): Lock {
    const { token, vaultHost, lowerName } = of;
    return { token, vaultHost, lowerName, leftMs: () => Math.max(0, until - this.#clock.now()) };
  }
}
