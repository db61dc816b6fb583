// Owns: who of several detectors of one source works: what a look at the lease's record means. Pure; times are the own
// clock's and are only compared with each other (hazard two-detectors-one-paused: shared clocks give two holders or none).
// Does not own: safety. Two detectors may work at once for a while; the compare-and-set on publish is what counts.
import type { LeaseRecord } from "@keyferry/contracts";

/** The lease's record as it was read, with the revision that its next write has to name. */
export interface LeaseView {
  readonly record: LeaseRecord | undefined;
  readonly revision: number;
}

/** What a watcher remembers: since when the record hasn't moved. */
export interface LeaseWatch {
  readonly revision: number;
  readonly unchangedSince: number;
}

export type LeaseVerdict =
  /** Nobody works: write `record`, naming `expectedRevision`. */
  | { readonly kind: "take"; readonly expectedRevision: number; readonly record: LeaseRecord }
  /** Somebody works, or may: look again. */
  | { readonly kind: "wait"; readonly watch: LeaseWatch };

export interface LeaseTiming {
  /** From one write of the holder to the next. */
  readonly renewMs: number;
  /** From one look of a watcher to the next. */
  readonly pollMs: number;
  /** A record that hasn't moved for so long belongs to nobody. */
  readonly takeOverMs: number;
}

// Six renewals have to fail before another takes over, which a garbage collection or an election of NATS doesn't
// cause; a wrong guess costs one sweep. Two small writes a second per source are nothing to JetStream.
export const LEASE_TIMING: LeaseTiming = { renewMs: 500, pollMs: 250, takeOverMs: 3_000 };

/**
 * Judges a look. `watch` is what the last look gave, undefined after a look that failed: while the bus was away the
 * holder could not write either, so time that passed unseen doesn't count against it.
 */
export function judgeLease(
  watch: LeaseWatch | undefined,
  view: LeaseView,
  me: string,
  now: number,
  timing: LeaseTiming,
): LeaseVerdict {
  const { record, revision } = view;
  const isFree = record === undefined || record.released || record.holder === me;
  const unchangedSince = watch?.revision === revision ? watch.unchangedSince : now;
  if (isFree || now - unchangedSince >= timing.takeOverMs) {
    return { kind: "take", expectedRevision: revision, record: nextRecord(record, me, false) };
  }
  return { kind: "wait", watch: { revision, unchangedSince } };
}

/** What `me` writes over a record. */
export function nextRecord(before: LeaseRecord | undefined, me: string, released: boolean): LeaseRecord {
  return { major: 1, holder: me, counter: (before?.counter ?? 0) + 1, released };
}
