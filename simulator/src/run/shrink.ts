// Owns: from a failing script to a shorter one that fails in the same way: steps are dropped, larger pieces first, as
// long as the same promise is still broken. Bounded, as each try is a run.
import type { PromiseName } from "../oracle/oracle.ts";
import type { Script } from "../script/steps.ts";
import { simulate } from "./simulate.ts";

const TRIES_MAX = 150;

export interface Shrunk {
  readonly script: Script;
  readonly tries: number;
}

/** The shortest script found that breaks `promise`. */
export async function shrink(script: Script, promise: PromiseName): Promise<Shrunk> {
  let best = script;
  const count = { tries: 0 };
  const isSpent = (): boolean => count.tries >= TRIES_MAX;
  const fails = async (candidate: Script): Promise<boolean> => {
    count.tries += 1;
    const { breaches } = await simulate(candidate, { keepHistory: false, stopAtBreach: true });
    return breaches.some((breach) => breach.promise === promise);
  };
  for (
    let size = Math.ceil(best.steps.length / 2);
    size >= 1 && !isSpent();
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let from = 0; from < best.steps.length && !isSpent();) {
      const steps = [...best.steps.slice(0, from), ...best.steps.slice(from + size)];
      const candidate = { ...best, steps };
      if (await fails(candidate)) best = candidate;
      else from += size;
    }
  }
  return { script: best, tries: count.tries };
}
