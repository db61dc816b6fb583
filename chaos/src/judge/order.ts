// Owns: whether what reached a name in a vault can be told as the wished states in their order (P2), and what it cost
// (P4). Pure.

export interface StateSeen {
  readonly sha: string | undefined;
}

export interface EffectSeen {
  readonly kind: string;
  readonly valueSha256: string;
}

export interface OrderVerdict {
  /** Effects that no state at or after the last one explains; the position in the list of effects. */
  readonly breaches: readonly { readonly index: number; readonly why: "backwards" | "never-wished" }[];
  readonly sets: number;
  /** How often the wish became another value. */
  readonly wishedValues: number;
}

/**
 * Walks both lists. Each effect is given the earliest state that explains it: if any way through exists, this one does.
 */
export function judgeOrder(states: readonly StateSeen[], effects: readonly EffectSeen[]): OrderVerdict {
  const breaches: { index: number; why: "backwards" | "never-wished" }[] = [];
  let at = 0;
  let sets = 0;
  for (const [index, effect] of effects.entries()) {
    if (effect.kind !== "set" && effect.kind !== "delete") continue;
    if (effect.kind === "set") sets += 1;
    const sha = effect.kind === "set" ? effect.valueSha256 : undefined;
    const found = states.findIndex((state, position) => position >= at && state.sha === sha);
    if (found >= 0) at = found;
    else
      breaches.push({ index, why: states.some((state) => state.sha === sha) ? "backwards" : "never-wished" });
  }
  return { breaches, sets, wishedValues: states.filter(({ sha }) => sha !== undefined).length };
}
