// Owns: from all associations to the few figures that graphs and alerts are made of. Pure.
import type { AssociationStatus } from "../status/status.ts";

/** One association as it is counted. */
export interface CountedAssociation {
  readonly status: AssociationStatus;
  /** A delete that waits for a person's approval. */
  readonly held: boolean;
}

export interface AssociationFigures {
  /** By Vault's word for the state. */
  readonly byStatus: ReadonlyMap<string, number>;
  readonly held: number;
  /** Seconds since the oldest association that is neither held nor paused began to wait; 0 if none waits. */
  readonly oldestPendingS: number;
}

/** @param now milliseconds since 1970 */
export function countAll(associations: Iterable<CountedAssociation>, now: number): AssociationFigures {
  const byStatus = new Map<string, number>();
  let held = 0;
  let oldest = now;
  for (const { status, held: isHeld } of associations) {
    byStatus.set(status.status, (byStatus.get(status.status) ?? 0) + 1);
    if (isHeld) held += 1;
    const waits = status.status === "PENDING" && !isHeld && !status.reason.startsWith("paused");
    if (waits) oldest = Math.min(oldest, Date.parse(status.since));
  }
  return { byStatus, held, oldestPendingS: Math.max(0, (now - oldest) / 1_000) };
}
