import { randomBytes, randomUUID } from "node:crypto";

/** Chance as the services see it: a port, so that a seed repeats a run. */
export interface Random {
  /** A number in [0, 1). */
  fraction(): number;
  /** `count` bytes fit for keys. */
  bytes(count: number): Buffer;
  /** A UUID, version 4. */
  uuid(): string;
}

// Ids are made by the thousand a second, and each question to the system costs more than all the rest of an id.
const POOL_BYTES = 4_096;
const POOLED_MAX = 16;
let pool = Buffer.alloc(0);

/** Few bytes, out of many that were asked for at once. What is given out is wiped from the pool. */
function pooledBytes(count: number): Buffer {
  if (pool.length < count) pool = randomBytes(POOL_BYTES);
  const given = pool.subarray(0, count);
  const own = Buffer.from(given);
  given.fill(0);
  pool = pool.subarray(count);
  return own;
}

/** The machine's random source. */
export const systemRandom: Random = {
  fraction: () => Math.random(),
  bytes: (count) => (count <= POOLED_MAX ? pooledBytes(count) : randomBytes(count)),
  uuid: () => randomUUID(),
};
