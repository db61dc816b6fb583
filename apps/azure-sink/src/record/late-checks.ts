import type { Intent, LateCheck, SyncRecord } from "@keyferry/contracts";

// Pure: which unclear writes of a record are still to be looked for, and when (O13). Kept in the record and not only in
// Redis, so that a lost Redis loses none.

/** From when a write counts as not landed: behind it, proxies and stalled sockets have let go. */
export const LATE_CHECK_DELAYS_MS = [120_000, 900_000] as const;
/** Far more than a healthy vault ever leaves; the oldest go first, as their times are nearly over. */
const LATE_CHECKS_MAX = 100;

/** The record with a write of `name` to be looked for. */
export function withLateCheck(
  record: SyncRecord,
  name: string,
  { opId, action }: Pick<Intent, "opId" | "action">,
  nowMs: number,
): SyncRecord {
  const at = LATE_CHECK_DELAYS_MS.map((delayMs) => nowMs + delayMs);
  const others = (record.verify ?? []).filter((check) => check.opId !== opId);
  return { ...record, verify: [...others, { opId, name, action, at }].slice(-LATE_CHECKS_MAX) };
}

/** What is to be looked for by now. */
export function dueLateChecks(record: SyncRecord, nowMs: number): readonly LateCheck[] {
  return (record.verify ?? []).filter(({ at }) => at.some((timeMs) => timeMs <= nowMs));
}

/** When the next look is due; undefined if there is none. */
export function nextLateCheckMs(record: SyncRecord): number | undefined {
  const times = (record.verify ?? []).flatMap(({ at }) => at);
  return times.length === 0 ? undefined : Math.min(...times);
}

/** The record after the looks of `names` (in lower case) were made; what was `found` can't land a second time. */
export function afterLateChecks(
  record: SyncRecord,
  looked: {
    readonly lowerNames: ReadonlySet<string>;
    readonly found: ReadonlySet<string>;
    readonly nowMs: number;
  },
): SyncRecord {
  const verify = (record.verify ?? []).flatMap((check) => {
    if (!looked.lowerNames.has(check.name.toLowerCase())) return [check];
    const at = looked.found.has(check.opId) ? [] : check.at.filter((timeMs) => timeMs > looked.nowMs);
    return at.length === 0 ? [] : [{ ...check, at }];
  });
  return { ...record, verify };
}
