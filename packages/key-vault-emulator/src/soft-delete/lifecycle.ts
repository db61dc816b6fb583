// Owns: the states of a name between deletion and being free again, and how long each lasts. Pure: the time comes in.
//
//   active -> deleting -> deleted -> recovering -> readable -> active
//                            |-> purging -> gone          (purge, or the retention is over)
//
// `readable` is a state of its own because a successful GET after a recover does not mean that a PUT works
// (reference: azure-sdk-for-net #31581).

import { assertNever } from "../assert-never.ts";

export type Lifecycle =
  | { readonly kind: "active" }
  | {
      readonly kind: "deleted";
      readonly deletedAtMs: number;
      readonly visibleAtMs: number;
      readonly purgeAtMs: number;
    }
  | { readonly kind: "recovering"; readonly readableAtMs: number; readonly writableAtMs: number }
  | { readonly kind: "purging"; readonly goneAtMs: number };

export type Phase = "active" | "deleting" | "deleted" | "recovering" | "readable" | "purging" | "gone";

export const ACTIVE: Lifecycle = { kind: "active" };

/** How long the service takes for each step, in milliseconds of the vaults' clock. */
export interface SoftDeleteDelays {
  /** DELETE answered -> shown under /deletedsecrets. Until then a PUT is `ObjectIsBeingDeleted`. */
  readonly deletingMs: number;
  /** Recover answered -> GET works again. */
  readonly recoverReadableMs: number;
  /** Recover answered -> PUT, PATCH and DELETE work again. Until then `ObjectIsBeingRecovered`. */
  readonly recoverWritableMs: number;
  /** Purge answered -> the name is free. Until then both GETs say 404 and a PUT is a conflict. */
  readonly purgingMs: number;
}

export const SOFT_DELETE_PRESETS = {
  // The newest recordings (Nov 2022) show 4 to 5 s and under 1 s; ~10 s until a recovered secret settled is from 2021;
  // a PUT after a purge conflicted for 1 to 5 s.
  azure: { deletingMs: 5_000, recoverReadableMs: 1_000, recoverWritableMs: 10_000, purgingMs: 3_000 },
  instant: { deletingMs: 0, recoverReadableMs: 0, recoverWritableMs: 0, purgingMs: 0 },
  // Users report conflicts for up to 129 s after a recover (reference: terraform-provider-azurerm #12432, #19749).
  hostile: {
    deletingMs: 130_000,
    recoverReadableMs: 10_000,
    recoverWritableMs: 130_000,
    purgingMs: 130_000,
  },
} as const satisfies Record<string, SoftDeleteDelays>;

const DAY_MS = 86_400_000;

/** The phase of a name at a time. */
export function phaseAt(lifecycle: Lifecycle, nowMs: number): Phase {
  switch (lifecycle.kind) {
    case "active":
      return "active";
    case "deleted":
      if (nowMs >= lifecycle.purgeAtMs) return "gone";
      return nowMs < lifecycle.visibleAtMs ? "deleting" : "deleted";
    case "recovering":
      if (nowMs >= lifecycle.writableAtMs && nowMs >= lifecycle.readableAtMs) return "active";
      return nowMs < lifecycle.readableAtMs ? "recovering" : "readable";
    case "purging":
      return nowMs >= lifecycle.goneAtMs ? "gone" : "purging";
    default:
      return assertNever(lifecycle);
  }
}

/** True where GET, list and list versions show the name. */
export function isReadable(phase: Phase): boolean {
  return phase === "active" || phase === "readable";
}

export function startDelete(delays: SoftDeleteDelays, retentionDays: number, nowMs: number): Lifecycle {
  return {
    kind: "deleted",
    deletedAtMs: nowMs,
    visibleAtMs: nowMs + delays.deletingMs,
    purgeAtMs: nowMs + retentionDays * DAY_MS,
  };
}

export function startRecover(delays: SoftDeleteDelays, nowMs: number): Lifecycle {
  return {
    kind: "recovering",
    readableAtMs: nowMs + delays.recoverReadableMs,
    writableAtMs: nowMs + Math.max(delays.recoverReadableMs, delays.recoverWritableMs),
  };
}

export function startPurge(delays: SoftDeleteDelays, nowMs: number): Lifecycle {
  return { kind: "purging", goneAtMs: nowMs + delays.purgingMs };
}

/** How a vault protects what is deleted. */
export interface Retention {
  /** 7 to 90; Azure's default is 90. */
  readonly retentionDays: number;
  readonly purgeProtection: boolean;
}

/** The `recoveryLevel` of a vault's items: it tells whether a purge is possible, and whether retention was customised. */
export function recoveryLevel(retention: Retention): string {
  const base = retention.retentionDays < 90 ? "CustomizedRecoverable" : "Recoverable";
  return retention.purgeProtection ? base : `${base}+Purgeable`;
}
