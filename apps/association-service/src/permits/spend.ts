// Owns: the arithmetic of a destination's delete budget. Pure.
// Invariants:
//   PER-1  A permit belongs to (association, state): asking again for the same takes nothing (O12).
//   PER-2  No rolling hour and no rolling day holds more permits than its limit (hazards mass-delete, trickle-delete).

import type { DeleteBudget, DestinationPolicy } from "@keyferry/contracts";

export interface BudgetLimits {
  /** Deletes an hour that are always allowed, however few associations there are. */
  readonly perHourMin: number;
  readonly perHourPercent: number;
  readonly perDayPercent: number;
}

export const DEFAULT_LIMITS: BudgetLimits = { perHourMin: 10, perHourPercent: 10, perDayPercent: 25 };

/** A destination's own guard. */
export type DeleteGuard = NonNullable<DestinationPolicy["deleteGuard"]>;

/** The configured limits, with what a destination says for itself over them. */
export function guardedLimits(limits: BudgetLimits, guard: DeleteGuard | undefined): BudgetLimits {
  return {
    perHourMin: guard?.minimum ?? limits.perHourMin,
    perHourPercent: guard?.hourlyPercent ?? limits.perHourPercent,
    perDayPercent: guard?.dailyPercent ?? limits.perDayPercent,
  };
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The budget is one message of NATS (1 MiB by default) at about 110 bytes an entry; more than this needs a person. */
export const SPENT_MAX = 5_000;

export interface Claim {
  readonly association: string;
  readonly fingerprint: string;
}

export type Spending =
  | { readonly kind: "granted"; readonly budget: DeleteBudget; readonly reused: boolean }
  | { readonly kind: "refused"; readonly per: "hour" | "day"; readonly limit: number };

/** How many permits an hour and a day may hold for a destination of that many associations. */
export function limitsFor(
  limits: BudgetLimits,
  associations: number,
): { readonly hour: number; readonly day: number } {
  const share = (percent: number) => Math.floor((associations * percent) / 100);
  const hour = Math.max(limits.perHourMin, share(limits.perHourPercent));
  // A day never allows less than an hour does, or a destination of a few secrets could not lose two.
  const day = Math.max(hour, share(limits.perDayPercent));
  return { hour: Math.min(hour, SPENT_MAX), day: Math.min(day, SPENT_MAX) };
}

/**
 * Takes one permit, or finds the one already taken for this association and state.
 * @param now milliseconds since 1970
 */
export function spend(
  budget: DeleteBudget,
  now: number,
  limits: BudgetLimits,
  associations: number,
  claim: Claim,
): Spending {
  // An entry from the future (a clock that stepped back) still counts: it may only make us refuse.
  const spent = budget.spent.filter((entry) => now - entry.at < DAY_MS);
  const before = spent.some(
    (entry) => entry.association === claim.association && entry.fingerprint === claim.fingerprint,
  );
  if (before) return { kind: "granted", budget, reused: true };
  const { hour, day } = limitsFor(limits, associations);
  if (spent.length >= day) return { kind: "refused", per: "day", limit: day };
  if (spent.filter((entry) => now - entry.at < HOUR_MS).length >= hour) {
    return { kind: "refused", per: "hour", limit: hour };
  }
  const { association, fingerprint } = claim;
  return {
    kind: "granted",
    reused: false,
    budget: { major: 1, spent: [...spent, { at: now, association, fingerprint }] },
  };
}
