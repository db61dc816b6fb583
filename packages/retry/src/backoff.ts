// Owns: how long to wait before the next attempt. Pure.
//
// Not cockatiel (4.0.0), which does the same by `setTimeout`, `Date.now` and `Math.random` with no way to pass others
// in: our waits run on the Clock and Random ports, so that the simulator's virtual clock moves them.
import type { Random } from "@keyferry/ports";

/** Capped exponential growth. */
export interface BackoffPolicy {
  /** Longest wait before the second attempt. */
  readonly firstMs: number;
  /** Longest wait ever. */
  readonly capMs: number;
  /** By what the longest wait grows from attempt to attempt; at least 1. */
  readonly factor: number;
}

/** For servers that are away: quick after a restart, and half a minute at most when they are back after hours. */
export const SERVER_AWAY: BackoffPolicy = { firstMs: 200, capMs: 30_000, factor: 2 };

/**
 * Milliseconds to wait after the failure of `attempt` (1 is the first). Full jitter: evenly spread from 0 to the
 * capped exponential, so that many clients of one server that comes back don't come at once.
 */
export function backoffMs(attempt: number, policy: BackoffPolicy, random: Pick<Random, "fraction">): number {
  // `factor ** large` is Infinity, which the cap takes care of.
  const ceilingMs = Math.min(policy.capMs, policy.firstMs * policy.factor ** Math.max(0, attempt - 1));
  return Math.floor(random.fraction() * (ceilingMs + 1));
}
