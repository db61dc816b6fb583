// Owns: which failures are tried again, and when. The error's retry class decides, nothing else does.
// Invariants: RETRY-1 `hopeless` is thrown at once · RETRY-2 an aborted signal ends the wait and starts no attempt ·
// RETRY-3 no failure makes a loop that doesn't wait.
import { KeyferryError, toKeyferryError } from "@keyferry/errors";
import type { Clock, Random } from "@keyferry/ports";
import { backoffMs, type BackoffPolicy } from "./backoff.ts";

/** A failure after which there will be another attempt. */
export interface Retry {
  /** The attempt that failed; 1 is the first. */
  readonly attempt: number;
  readonly waitMs: number;
  readonly error: KeyferryError;
}

export interface RetryOptions {
  readonly policy: BackoffPolicy;
  readonly clock: Pick<Clock, "sleep">;
  readonly random: Pick<Random, "fraction">;
  readonly signal: AbortSignal;
  /** Told before each wait, for the log and for readiness. */
  readonly onRetry?: (retry: Retry) => void;
}

// `now` is for races that the next read decides. Whoever loses this many in a row is no longer in a race (RETRY-3).
const AT_ONCE_IN_A_ROW_MAX = 3;

/**
 * Calls `attempt` until it succeeds.
 * @throws KeyferryError the failure, if it is `hopeless`; the signal's reason (as `operation-aborted` unless it is a
 * KeyferryError itself), when the signal aborts.
 */
export async function retryForever<T>(
  attempt: (signal: AbortSignal) => Promise<T>,
  { policy, clock, random, signal, onRetry }: RetryOptions,
): Promise<T> {
  let atOnceInARow = 0;
  for (let number = 1; ; number += 1) {
    if (signal.aborted) throw abortError(signal);
    try {
      return await attempt(signal);
    } catch (thrown) {
      if (signal.aborted) throw abortError(signal);
      const error = toKeyferryError(thrown);
      if (error.retry === "hopeless") throw error;
      atOnceInARow = error.retry === "now" ? atOnceInARow + 1 : 0;
      const isAtOnce = atOnceInARow > 0 && atOnceInARow <= AT_ONCE_IN_A_ROW_MAX;
      const waitMs = isAtOnce ? 0 : backoffMs(number, policy, random);
      onRetry?.({ attempt: number, waitMs, error });
      await sleepUnlessAborted(waitMs, clock, signal);
    }
  }
}

async function sleepUnlessAborted(
  ms: number,
  clock: Pick<Clock, "sleep">,
  signal: AbortSignal,
): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch (thrown) {
    throw signal.aborted ? abortError(signal) : toKeyferryError(thrown);
  }
}

function abortError(signal: AbortSignal): KeyferryError {
  const reason: unknown = signal.reason;
  return reason instanceof KeyferryError
    ? reason
    : new KeyferryError("operation-aborted", "The operation was aborted");
}
