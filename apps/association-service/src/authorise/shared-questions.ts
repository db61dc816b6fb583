// Owns: asking the source once for several requests of one caller: sixteen sets in flight with one token are one or two
// questions about many paths, where each would have been a round trip of its own.
// Invariants: an answer is to a question that began after the request asked (nothing is cached); only requests of one token
// in one namespace share; a question that fails is asked again by each alone, so that nobody's path spoils another's.
import type { CapabilitiesAnswer } from "@keyferry/vault-client";

/** Asks the source about these paths. */
export type Ask = (paths: readonly string[]) => Promise<CapabilitiesAnswer>;

interface Slot {
  readonly running: Promise<unknown>;
  waiting: { readonly paths: Set<string>; readonly answer: Promise<CapabilitiesAnswer> } | undefined;
}

// While requests come one after the other, questions begin this far apart, so that more of them share each.
const SPACING_MS = 5;
// A question stays small; what does not fit is asked alone.
const PATHS_MAX = 64;

export class SharedQuestions {
  readonly #slots = new Map<string, Slot>();

  /** @param key of the token and the namespace. Rejects as `ask` does. */
  ask(key: string, paths: readonly string[], ask: Ask): Promise<CapabilitiesAnswer> {
    const slot = this.#slots.get(key);
    if (slot === undefined) return this.#begin(key, ask(paths));
    const { waiting } = slot;
    if (waiting === undefined) {
      const together = new Set(paths);
      const go = () => {
        slot.waiting = undefined;
        return this.#begin(key, ask([...together]));
      };
      const answer = slot.running.then(spacing, spacing).then(go);
      slot.waiting = { paths: together, answer };
      return answer.catch(() => ask(paths));
    }
    if (waiting.paths.size + paths.length > PATHS_MAX) return ask(paths);
    for (const path of paths) waiting.paths.add(path);
    return waiting.answer.catch(() => ask(paths));
  }

  #begin(key: string, running: Promise<CapabilitiesAnswer>): Promise<CapabilitiesAnswer> {
    const slot: Slot = { running, waiting: undefined };
    this.#slots.set(key, slot);
    const end = () => {
      if (slot.waiting === undefined && this.#slots.get(key) === slot) this.#slots.delete(key);
    };
    running.then(end, end);
    return running;
  }
}

function spacing(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SPACING_MS));
}
