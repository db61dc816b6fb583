// Owns: from the source's yes to the version in the vault, and the longest time in which nothing came. Pure.

import type { WishedState } from "../load/story.ts";
import type { SeenEffect } from "./vault-log.ts";

export interface Figures {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface Arrival {
  readonly wishedMs: number;
  readonly arrivedMs: number;
}

/**
 * Arrivals of one pair's values. A value that a later one overtook never arrives and is no arrival; the one that
 * overtook it is.
 */
export function arrivalsOf(
  states: readonly WishedState[],
  effects: readonly SeenEffect[],
): readonly Arrival[] {
  const sets = effects.filter(({ kind }) => kind === "set");
  return states.flatMap(({ atMs, sha, isExact }) => {
    if (sha === undefined || !isExact) return [];
    // A fallback brings an old value back: only what came after the wish can be its arrival. The vault may be told
    // before the load has its own answer.
    const effect = sets.find((one) => one.valueSha256 === sha && one.wallMs >= atMs - 1_000);
    return effect === undefined ? [] : [{ wishedMs: atMs, arrivedMs: Math.max(atMs, effect.wallMs) }];
  });
}

/** Median and tail of the arrivals whose wish fell into a span of time. */
export function figuresOf(arrivals: readonly Arrival[], fromMs: number, toMs: number): Figures {
  const waits = arrivals
    .filter(({ wishedMs }) => wishedMs >= fromMs && wishedMs < toMs)
    .map(({ wishedMs, arrivedMs }) => arrivedMs - wishedMs)
    .toSorted((a, b) => a - b);
  return {
    count: waits.length,
    p50Ms: quantile(waits, 0.5),
    p99Ms: quantile(waits, 0.99),
    maxMs: waits.at(-1) ?? 0,
  };
}

/** The longest time in which something was waiting and nothing at all arrived, ms. */
export function longestStandstill(arrivals: readonly Arrival[]): number {
  const byArrival = arrivals.toSorted((a, b) => a.arrivedMs - b.arrivedMs);
  let longestMs = 0;
  for (const [index, { arrivedMs, wishedMs }] of byArrival.entries()) {
    const before = byArrival[index - 1]?.arrivedMs ?? wishedMs;
    // What was waiting since when, once the one before had arrived.
    const oldest = byArrival
      .slice(index, index + 500)
      .reduce((low, one) => Math.min(low, one.wishedMs), wishedMs);
    longestMs = Math.max(longestMs, arrivedMs - Math.max(before, oldest));
  }
  return longestMs;
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
