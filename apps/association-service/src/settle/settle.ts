// Owns: whether a wish has to be published (again), judged by what became of the last command. Pure.
// Invariants (O5):
//   SET-1  What is pending, waiting or refused is left alone: republishing would move it to the end of the queue.
//   SET-2  What was acked without an outcome, or waits past its time, is published again: the wait was lost.
//   SET-3  The ack floor must have been read before the record: a sink writes the outcome first and acks then.
//   SET-4  A command that lies in a lane without anything to hand out was passed over: its durable stands past it, as one
//          does on a stream that lost its tail (hazard tail-lost, #7693).
//   SET-5  A sink may write what the source shows later than the command's state (DESIGN section 7). If the source is
//          restored before the detector has seen that, the state never tells of it: the versions are compared too
//          (hazard source-snapshot-restore).

import { compareFences, type SyncCommand, type SyncRecord } from "@keyferry/contracts";
import type { Entry } from "../ports.ts";

/** A refused command is looked at again this often: what refused it may have gone (a foreign name, a size). */
export const REFUSED_AGAIN_MS = 6 * 3_600_000;

/** How long past its `until` a waiting name may be before its place in the sinks' `later` set counts as lost. */
export const WAITING_GRACE_MS = 5 * 60_000;

/** How long past its time a second look at an unclear write may be before its place in the `later` set counts as lost. */
export const LATE_CHECK_GRACE_MS = 2 * 60_000;

/**
 * How old a command is before an idle lane says anything of it: a durable's own leader hears of a message after the
 * stream's has stored it, and clocks differ.
 */
export const PASSED_OVER_AFTER_MS = 2 * 60_000;

/**
 * How long an outcome of another version than the state shows is left: the detector may not have seen yet what the sink
 * did. Longer than a hint takes, and the sweep after a lost one settles it as well.
 */
export const OTHER_VERSION_AGAIN_MS = 5 * 60_000;

export interface SettleFacts {
  /** Digest of the wish as it is resolved now. */
  readonly wish: string;
  readonly last: Entry<SyncCommand> | undefined;
  /** Digest of the last command's wish; undefined without a last command. */
  readonly lastWish: string | undefined;
  readonly record: SyncRecord | undefined;
  /** Of a sync: the version that the state shows as the highest live one. */
  readonly version: number | undefined;
  /** Every command of the last command's lane at or below this sequence was acked. */
  readonly ackFloor: number;
  /** The lane has nothing to hand out, and nothing that was handed out is unanswered. */
  readonly isLaneIdle: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export type Settlement =
  | {
      readonly kind: "leave";
      readonly why: "settled" | "pending" | "waiting" | "held" | "refused";
    }
  | {
      readonly kind: "publish";
      readonly why:
        | "never-commanded"
        | "wish-changed"
        | "outcome-of-another-wish"
        | "acked-without-outcome"
        | "passed-over"
        | "another-version"
        | "waited-too-long"
        | "refused-look-again"
        | "late-check-overdue";
    };

/** Compares a wish with what became of the last command. */
export function settle(facts: SettleFacts): Settlement {
  const { wish, last, lastWish, record } = facts;
  if (last === undefined) return publish("never-commanded");
  if (lastWish !== wish) return publish("wish-changed");
  const fence = { epoch: last.value.epoch, sequence: last.sequence };
  const consumed = record !== undefined && compareFences(record.consumed, fence) >= 0;
  if (!consumed) return judgePending(last, facts);
  if (record.wish !== wish) return publish("outcome-of-another-wish");
  return judgeOutcome(record, facts);
}

function judgePending(
  { sequence, time }: Entry<SyncCommand>,
  { ackFloor, isLaneIdle, now }: SettleFacts,
): Settlement {
  if (sequence <= ackFloor) return publish("acked-without-outcome");
  return isLaneIdle && now - time >= PASSED_OVER_AFTER_MS ? publish("passed-over") : leave("pending");
}

function judgeOutcome(record: SyncRecord, { now, version }: SettleFacts): Settlement {
  const { outcome } = record;
  if (outcome === null) return publish("acked-without-outcome");
  switch (outcome.kind) {
    case "synced":
      if (
        version !== undefined &&
        version !== outcome.version &&
        ageOf(record, now) >= OTHER_VERSION_AGAIN_MS
      ) {
        return publish("another-version");
      }
      return isLateCheckOverdue(record, now) ? publish("late-check-overdue") : leave("settled");
    case "unsynced":
      return isLateCheckOverdue(record, now) ? publish("late-check-overdue") : leave("settled");
    case "held":
      return leave("held");
    case "waiting":
      return now >= outcome.until + WAITING_GRACE_MS ? publish("waited-too-long") : leave("waiting");
    case "refused":
      return ageOf(record, now) >= REFUSED_AGAIN_MS ? publish("refused-look-again") : leave("refused");
  }
}

function ageOf({ updatedAt }: SyncRecord, now: number): number {
  return now - Date.parse(updatedAt);
}

// The sink makes the looks that are due whenever it takes up a command of the pair (O13).
function isLateCheckOverdue({ verify = [] }: SyncRecord, now: number): boolean {
  return verify.some(({ at }) => at.some((time) => time + LATE_CHECK_GRACE_MS <= now));
}

function leave(why: (Settlement & { kind: "leave" })["why"]): Settlement {
  return { kind: "leave", why };
}

function publish(why: (Settlement & { kind: "publish" })["why"]): Settlement {
  return { kind: "publish", why };
}
