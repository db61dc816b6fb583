// Owns: whether a wish has to be published (again), judged by what became of the last command. Pure.
// Invariants (O5):
//   SET-1  What is pending, waiting or refused is left alone: republishing would move it to the end of the queue.
//   SET-2  What was acked without an outcome, or waits past its time, is published again: the wait was lost.
//   SET-3  The ack floor must have been read before the record: a sink writes the outcome first and acks then.

import { compareFences, type SyncCommand, type SyncRecord } from "@keyferry/contracts";
import type { Entry } from "../ports.ts";

/** A refused command is looked at again this often: what refused it may have gone (a foreign name, a size). */
export const REFUSED_AGAIN_MS = 6 * 3_600_000;

/** How long past its `until` a waiting name may be before its place in the sinks' `later` set counts as lost. */
export const WAITING_GRACE_MS = 5 * 60_000;

/** How long past its time a second look at an unclear write may be before its place in the `later` set counts as lost. */
export const LATE_CHECK_GRACE_MS = 2 * 60_000;

export interface SettleFacts {
  /** Digest of the wish as it is resolved now. */
  readonly wish: string;
  readonly last: Entry<SyncCommand> | undefined;
  /** Digest of the last command's wish; undefined without a last command. */
  readonly lastWish: string | undefined;
  readonly record: SyncRecord | undefined;
  /** Every command of the last command's lane at or below this sequence was acked. */
  readonly ackFloor: number;
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
        | "waited-too-long"
        | "refused-look-again"
        | "late-check-overdue";
    };

/** Compares a wish with what became of the last command. */
export function settle(facts: SettleFacts): Settlement {
  const { wish, last, lastWish, record, ackFloor } = facts;
  if (last === undefined) return publish("never-commanded");
  if (lastWish !== wish) return publish("wish-changed");
  const fence = { epoch: last.value.epoch, sequence: last.sequence };
  const consumed = record !== undefined && compareFences(record.consumed, fence) >= 0;
  if (!consumed) {
    return last.sequence <= ackFloor ? publish("acked-without-outcome") : leave("pending");
  }
  if (record.wish !== wish) return publish("outcome-of-another-wish");
  return judgeOutcome(record, facts.now);
}

function judgeOutcome(record: SyncRecord, now: number): Settlement {
  const { outcome } = record;
  if (outcome === null) return publish("acked-without-outcome");
  switch (outcome.kind) {
    case "synced":
    case "unsynced":
      return isLateCheckOverdue(record, now) ? publish("late-check-overdue") : leave("settled");
    case "held":
      return leave("held");
    case "waiting":
      return now >= outcome.until + WAITING_GRACE_MS ? publish("waited-too-long") : leave("waiting");
    case "refused": {
      const age = now - Date.parse(record.updatedAt);
      return age >= REFUSED_AGAIN_MS ? publish("refused-look-again") : leave("refused");
    }
  }
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
