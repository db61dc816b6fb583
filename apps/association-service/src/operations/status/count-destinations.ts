// Owns: from associations, commands and records to figures per destination. Pure.

import type { AssociationStatus } from "../../status/status.ts";

/** One association as it is counted. */
export interface CountedPair {
  readonly secret: string;
  readonly status: AssociationStatus;
  readonly held: boolean;
  /** Code of the error that its outcome carries, if it is one. */
  readonly error: string | undefined;
  /** When its last outcome came, ISO; undefined: none has. */
  readonly outcomeAt: string | undefined;
}

export interface Counted {
  readonly counts: Record<string, number>;
  readonly held: number;
  readonly errors: Record<string, number>;
  readonly associations: number;
  readonly oldest_pending: { secret: string; since: string; reason: string } | null;
  readonly last_outcome_at: string | null;
}

/** The figures of one destination. What is held waits for a person, so it does not count as the oldest wait. */
export function countPairs(pairs: Iterable<CountedPair>): Counted {
  const counts: Record<string, number> = {};
  const errors: Record<string, number> = {};
  let held = 0;
  let associations = 0;
  let oldest: Counted["oldest_pending"] = null;
  let lastOutcome: string | null = null;
  for (const { secret, status, held: isHeld, error, outcomeAt } of pairs) {
    associations += 1;
    counts[status.status] = (counts[status.status] ?? 0) + 1;
    if (error !== undefined && !isHeld) errors[error] = (errors[error] ?? 0) + 1;
    if (isHeld) held += 1;
    else if (status.status === "PENDING" && (oldest === null || status.since < oldest.since)) {
      oldest = { secret, since: status.since, reason: status.reason };
    }
    if (outcomeAt !== undefined && (lastOutcome === null || outcomeAt > lastOutcome)) lastOutcome = outcomeAt;
  }
  return { counts, held, errors, associations, oldest_pending: oldest, last_outcome_at: lastOutcome };
}
