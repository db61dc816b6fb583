import type { Outcome } from "@keyferry/contracts";
import type { KeyferryError } from "@keyferry/errors";
import { backoffMs } from "@keyferry/retry";
import type { SinkDependencies } from "../ports.ts";
import { BACKOFF_MS_MAX, BACKOFF_MS_MIN, CONFLICT_WAITS_MS, PAUSED_RETRY_MS } from "./limits.ts";
import type { SyncRequest } from "./request.ts";

/** Why a name could not be brought to its wish. */
export interface NameFailure {
  readonly error: KeyferryError;
  /** When to try again, where that is known; the backoff of its attempts otherwise. */
  readonly waitMs?: number | undefined;
}

/** How a command ended: in an outcome, or in a failure from which one is made. */
export type End =
  | { readonly kind: "outcome"; readonly outcome: Outcome }
  | { readonly kind: "failed"; readonly failure: NameFailure };

// The source heals as a whole and at once (unsealed, reachable again), so all that wait for it look often.
const SOURCE_BACKOFF_MS_MAX = 15_000;

/** Of several failures the one to act on: what may heal comes before what may not, the soonest first. */
export function worstFailure(failures: readonly NameFailure[]): NameFailure | undefined {
  const [first] = failures.toSorted((a, b) => weight(a) - weight(b));
  return first;
}

function weight({ error, waitMs }: NameFailure): number {
  return error.retry === "hopeless" ? Number.POSITIVE_INFINITY : (waitMs ?? 0);
}

/** The outcome of a failure: refused if it can't heal by itself, otherwise waiting with capped backoff, for ever. */
export async function waitingOutcome(
  { error, waitMs }: NameFailure,
  { command, fence }: SyncRequest,
  { memory, random }: Pick<SinkDependencies, "memory" | "random">,
  nowMs: number,
): Promise<Outcome> {
  if (error.retry === "hopeless") return { kind: "refused", error: error.report() };
  if (error.code === "paused") {
    return { kind: "waiting", until: nowMs + PAUSED_RETRY_MS, attempts: 0, error: error.report() };
  }
  const attempts = await memory.attempts.count(command.destination, command.secretKey, fence);
  if (error.code === "vault-conflict" && waitMs === undefined) {
    const conflictMs = CONFLICT_WAITS_MS[Math.min(attempts, CONFLICT_WAITS_MS.length) - 1];
    return { kind: "waiting", until: nowMs + (conflictMs ?? 0), attempts, error: error.report() };
  }
  const maxMs = error.code.startsWith("source-") ? SOURCE_BACKOFF_MS_MAX : BACKOFF_MS_MAX;
  const policy = { firstMs: BACKOFF_MS_MIN, capMs: maxMs, factor: 2 };
  // Full jitter reaches down to nothing; a pair that waits is not tried more than once a second.
  const delay = waitMs ?? Math.max(BACKOFF_MS_MIN, backoffMs(attempts, policy, random));
  return { kind: "waiting", until: nowMs + delay, attempts, error: error.report() };
}

/** Redis or NATS away, or stopping: nothing can be recorded now, so the command is delivered again. */
export function isOurs({ code }: KeyferryError): boolean {
  return (
    code.startsWith("state-") ||
    code.startsWith("bus-") ||
    code === "operation-aborted" ||
    code === "message-unreadable"
  );
}
