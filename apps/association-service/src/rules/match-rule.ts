// Owns: whether a rule covers a secret. Pure. The same answer for the same facts, in every process and at any time.
// Mount globs are those of the detector (`*` stands for any characters, slashes too), so that what a rule covers is
// what is swept; path globs are those of every operation (`*` within a segment, `**` over segments).

import type { RuleRecord, SecretRef, SecretState } from "@keyferry/contracts";
import { compileGlob } from "../operations/replay/path-glob.ts";

type Place = Pick<SecretRef, "namespace" | "mount" | "path">;

export interface CompiledRule {
  readonly rule: RuleRecord;
  /** By mount and path alone: the secret's own metadata may say otherwise. */
  coversPath(place: Place): boolean;
  coversMetadata(customMetadata: Readonly<Record<string, string>>): boolean;
}

/** Compiles a rule that was stored, so its globs have been checked; one that can't be read covers nothing. */
export function compileRule(rule: RuleRecord): CompiledRule {
  const { mounts, paths, customMetadata } = rule.match;
  const pathGlobs = paths.map((glob) => compileGlob(glob));
  const wanted = Object.entries(customMetadata);
  return {
    rule,
    coversPath({ namespace, mount, path }) {
      if (namespace !== rule.namespace || !mounts.some((glob) => matchesText(glob, mount))) return false;
      if (pathGlobs.length === 0) return true;
      return pathGlobs.some((glob) => glob.kind === "ok" && glob.matches(path));
    },
    coversMetadata(has) {
      return wanted.every(([key, glob]) => Object.hasOwn(has, key) && matchesText(glob, has[key] ?? ""));
    },
  };
}

/** Oldest first, then by name: the first that covers a secret makes its association, also after a restart. */
export function compareRules({ rule: a }: CompiledRule, { rule: b }: CompiledRule): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1;
  if (a.name === b.name) return 0;
  return a.name < b.name ? -1 : 1;
}

/** What the rules say of a (destination, secret). */
export type Ruling =
  | { readonly kind: "made"; readonly rule: RuleRecord }
  /** A rule covers the path, but what the secret's own state says keeps it out. */
  | { readonly kind: "opted-out" }
  /** A rule covers the path, and the state is not known. */
  | { readonly kind: "unknown" }
  /** No rule covers the path, or the destination may not have it. */
  | { readonly kind: "none" };

/** The part of a state that rules go by. */
export type RuledState =
  | { readonly kind: "gone" }
  | { readonly kind: "present"; readonly customMetadata: Readonly<Record<string, string>> };

export function ruledState(state: SecretState): RuledState {
  return state.kind === "gone" ? state : { kind: "present", customMetadata: state.customMetadata };
}

/**
 * What a destination's rules make of a secret.
 * @param rules in the order of `compareRules`
 * @param state undefined: nothing is known of it yet
 */
export function ruleOn(rules: readonly CompiledRule[], place: Place, state: RuledState | undefined): Ruling {
  const covering = rules.filter((rule) => rule.coversPath(place));
  if (covering.length === 0) return { kind: "none" };
  if (state === undefined) return { kind: "unknown" };
  // A secret that is gone has no metadata to go by, and nothing to sync: its association goes with it.
  if (state.kind === "gone") return { kind: "opted-out" };
  const maker = covering.find((rule) => rule.coversMetadata(state.customMetadata));
  return maker === undefined ? { kind: "opted-out" } : { kind: "made", rule: maker.rule };
}

// Without a regular expression, so that no glob can make matching slow: pieces between stars are found in order.
function matchesText(glob: string, text: string): boolean {
  const pieces = glob.split("*");
  const first = pieces[0] ?? "";
  if (pieces.length === 1) return text === glob;
  const last = pieces.at(-1) ?? "";
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length)
    return false;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = text.indexOf(piece, at);
    if (found === -1 || found + piece.length > text.length - last.length) return false;
    at = found + piece.length;
  }
  return true;
}
