import type { DriftFinding, DriftReport, DriftRequest, Uid } from "@keyferry/contracts";
import type { Orphan, Suspect } from "./compare.ts";

// Pure: a look at a vault as people and the API read it.

/** Findings that are listed; all are counted. A report is one message of at most some 200 KB. */
export const FINDINGS_MAX = 500;
/** More than this share of the names is more likely a fault of the list than of the vault (hazard drift-list-cut-short). */
const SHARE_MAX = 0.05;
/** In a small vault a handful is a large share and no sign of anything. */
const FEW = 5;

export interface Asked {
  readonly destination: Uid;
  readonly mode: DriftReport["mode"];
  readonly requestedAt: string | null;
  /** Orphans that a person approved to be deleted. */
  readonly collect?: NonNullable<DriftRequest["collect"]>;
  /** A person has looked: more than 5 % that differ are repaired, too. */
  readonly evenIfMany?: true;
}

/** Why nothing is to be repaired; null if it may be. */
export function whyOnlyReport(
  suspects: readonly Suspect[],
  owned: number,
  { isPaused, evenIfMany }: { readonly isPaused: boolean; readonly evenIfMany: boolean },
): string | null {
  if (isPaused) return "writing to the destination is paused";
  if (evenIfMany) return null;
  const differing = suspects.filter(({ isOldKey }) => !isOldKey).length;
  if (differing <= Math.max(FEW, owned * SHARE_MAX)) return null;
  return `${differing} of ${owned} names differ, more than 5 %: look at the vault and at the role's rights first`;
}

/** A finding that was not looked at a second time, as too many differ. */
export function unconfirmed({ kind, name, secretKey, secret, detail }: Suspect): DriftFinding {
  return { kind, name, secretKey, secret, action: "reported", detail: `${detail} (not confirmed)` };
}

export function orphaned({ name, detail, mark }: Orphan): DriftFinding {
  return { kind: "orphan", name, secretKey: null, secret: null, action: "reported", detail, mark };
}

export function countsOf(findings: readonly DriftFinding[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { kind } of findings) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
