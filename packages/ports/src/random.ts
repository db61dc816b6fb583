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

/** The machine's random source. */
export const systemRandom: Random = {
  fraction: () => Math.random(),
  bytes: (count) => randomBytes(count),
  uuid: () => randomUUID(),
};
