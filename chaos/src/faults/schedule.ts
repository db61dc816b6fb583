// Owns: which fault comes when, from the seed alone, and performing them so that two on the same victim don't overlap.

import { setTimeout as delay } from "node:timers/promises";
import type { Chance } from "../chance.ts";
import type { Stand } from "../stand/stand.ts";
import { type FaultKind, keyOf, perform, WEIGHTS, type Wish } from "./kinds.ts";

/** From one fault to the next, ms: at times two or three are in force at once. */
const GAP_MS = [3_000, 12_000] as const;
const DURATION_MS = [1_500, 12_000] as const;

export interface PlannedFault extends Wish {
  readonly afterMs: number;
}

export interface DoneFault {
  readonly kind: FaultKind;
  readonly victim: string;
  readonly startedMs: number;
  readonly endedMs: number;
  /** Why it could not be done or undone as meant; such a fault proves nothing. */
  readonly trouble: string | undefined;
}

/** The whole schedule; it depends on nothing but the arguments. */
export function planFaults(chance: Chance, forMs: number): readonly PlannedFault[] {
  const planned: PlannedFault[] = [];
  for (let atMs = chance.between(500, 3_000); atMs < forMs;) {
    const gapMs = chance.between(...GAP_MS);
    planned.push({
      afterMs: atMs,
      kind: chance.weighted<FaultKind>(WEIGHTS),
      victim: chance.between(0, 1_000),
      durationMs: chance.between(...DURATION_MS),
      isSilent: chance.next() < 0.5,
    });
    atMs += gapMs;
  }
  return planned;
}

/** Performs them; resolves when the last is undone. One whose victim is still at an earlier fault waits for that. */
export async function performAll(
  stand: Stand,
  planned: readonly PlannedFault[],
  onDone: (fault: DoneFault) => void,
): Promise<readonly DoneFault[]> {
  const startMs = Date.now();
  const lastOf = new Map<string, Promise<void>>();
  const done: DoneFault[] = [];
  for (const fault of planned) {
    await delay(Math.max(0, startMs + fault.afterMs - Date.now()));
    const key = keyOf(fault.kind, fault.victim % stand.slots.length);
    const before = lastOf.get(key) ?? Promise.resolve();
    const turn = async (): Promise<void> => {
      await before;
      const one = await performOne(stand, fault);
      done.push(one);
      onDone(one);
    };
    lastOf.set(key, turn());
  }
  await Promise.all(lastOf.values());
  return done;
}

async function performOne(stand: Stand, fault: PlannedFault): Promise<DoneFault> {
  const startedMs = Date.now();
  let victim = "?";
  let trouble: string | undefined;
  try {
    await perform(stand, fault, (name) => {
      victim = name;
    });
  } catch (error) {
    trouble = error instanceof Error ? error.message.slice(0, 200) : String(error);
  }
  return { kind: fault.kind, victim, startedMs, endedMs: Date.now(), trouble };
}
