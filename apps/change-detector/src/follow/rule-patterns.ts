// Owns: where the rules that are in force look: sweeps cover those mounts too. Does not own: which secrets they match.
import type { View } from "@keyferry/bus";
import type { RuleRecord } from "@keyferry/contracts";
import type { RulePatterns } from "../ports.ts";

/** The mounts' globs of the active rules. Follows the view for as long as that follows its bucket. */
export function rulePatterns(view: Pick<View<RuleRecord>, "entries" | "onChange">): RulePatterns {
  let patterns: ReturnType<RulePatterns["list"]> | undefined;
  const listeners = new Set<() => void>();
  view.onChange(() => {
    patterns = undefined;
    for (const listener of listeners) listener();
  });
  return {
    list() {
      patterns ??= [...view.entries()].flatMap(([, { value: rule }]) =>
        rule.state === "active" ? [{ namespace: rule.namespace, mounts: rule.match.mounts }] : [],
      );
      return patterns;
    },
    onChanged(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
