// Owns: waiting in tests for a condition instead of for a time.

import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";

const POLL_MS_FIRST = 5;
const POLL_MS_MAX = 200;
/** Generous, because a shared two-core machine may stall for seconds; a condition that holds ends the wait at once. */
const TIMEOUT_MS = 30_000;
const SEEN_CHARACTERS_MAX = 2_000;

export interface EventuallyOptions<Value> {
  /** What is waited for, as the rest of a sentence: "the association to become SYNCED". */
  readonly what: string;
  /** Accepts a value; by default anything but `undefined`, `null` and `false`. */
  readonly until?: (value: Value) => boolean;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Calls `probe` until its value is accepted, and returns that value. A probe that throws counts as "not yet".
 * @throws Error that names what was waited for and the last value (or error) seen.
 */
export async function eventually<Value>(
  probe: () => Value | Promise<Value>,
  options: EventuallyOptions<Value>,
): Promise<Exclude<Value, undefined | null | false>> {
  const { what, until = isThere, timeoutMs = TIMEOUT_MS, signal } = options;
  const deadline = performance.now() + timeoutMs;
  let last = "nothing";
  for (let pollMs = POLL_MS_FIRST; ; pollMs = Math.min(pollMs * 1.5, POLL_MS_MAX)) {
    signal?.throwIfAborted();
    try {
      const value = await probe();
      // The default condition is what the return type promises; a caller's own condition vouches for its values.
      if (until(value)) return value as Exclude<Value, undefined | null | false>;
      last = `value ${inspect(value, { depth: 6, breakLength: 120 })}`;
    } catch (error) {
      last = `error ${error instanceof Error ? error.message : inspect(error)}`;
    }
    if (performance.now() > deadline) {
      throw new Error(`waited ${timeoutMs} ms for ${what}; last seen: ${last.slice(0, SEEN_CHARACTERS_MAX)}`);
    }
    await pauseOrAbort(pollMs, signal);
  }
}

/** Rejects with the signal's own reason; Node's timer would put an AbortError in its place. */
async function pauseOrAbort(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

function isThere(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false;
}
