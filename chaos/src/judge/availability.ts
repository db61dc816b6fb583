// Owns: how long something that a user needs did not answer, seen by asking over and over.

import { setTimeout as delay } from "node:timers/promises";

const ASK_MS = 500;
const ANSWER_MS_MAX = 5_000;

export interface Availability {
  readonly asked: number;
  readonly answered: number;
  /** From the last answer before an outage to the first after it, ms. */
  readonly longestMs: number;
}

/** Asks until the signal; any of several may answer. */
export async function watchAvailability(
  ask: readonly (() => Promise<boolean>)[],
  signal: AbortSignal,
): Promise<Availability> {
  let asked = 0;
  let answered = 0;
  let longestMs = 0;
  let lastMs = Date.now();
  while (!signal.aborted) {
    asked += 1;
    const isUp = await Promise.any(ask.map((one) => orElse(one, signal))).catch(() => false);
    const nowMs = Date.now();
    if (isUp) {
      answered += 1;
      if (nowMs - lastMs > 2 * ASK_MS) longestMs = Math.max(longestMs, nowMs - lastMs);
      lastMs = nowMs;
    } else longestMs = Math.max(longestMs, nowMs - lastMs);
    await delay(ASK_MS, undefined, { signal }).catch(() => undefined);
  }
  return { asked, answered, longestMs };
}

async function orElse(ask: () => Promise<boolean>, signal: AbortSignal): Promise<true> {
  const late = delay(ANSWER_MS_MAX, false, { signal }).catch(() => false);
  if (await Promise.race([ask(), late])) return true;
  throw new Error("no answer");
}
