// Owns: the rules of every destination, compiled, as this process sees them, and what they say of a secret. Nothing is
// stored of that (DESIGN section 6: evaluated, not materialised). Does not own secrets or associations.
// Invariants:
//   RUL-1  Keyferry's own mount, and what a destination may not have, is never covered, whatever a rule says.
//   RUL-2  After caughtUp() every rule that was written before the call counts, and `sequence` says how far that is.

import {
  type DestinationRecord,
  isSourceAllowed,
  type RuleRecord,
  type SecretRef,
  type Uid,
} from "@keyferry/contracts";
import { isWithinOwnMount, type OwnMount } from "../associations/resolve-secret.ts";
import type { Entry, TableView } from "../ports.ts";
import type { ReplacedMounts } from "../rekey/replaced-mounts.ts";
import {
  type CompiledRule,
  compareRules,
  compileRule,
  type RuledState,
  type Ruling,
  ruleOn,
} from "./match-rule.ts";

export class RuleBook {
  readonly #view: TableView<RuleRecord>;
  readonly #own: OwnMount;
  readonly #replaced: Pick<ReplacedMounts, "has">;
  readonly #byDestination = new Map<Uid, readonly CompiledRule[]>();
  readonly #byNamespace = new Map<string, ReadonlySet<Uid>>();
  #sequence = 0;

  constructor(view: TableView<RuleRecord>, own: OwnMount, replaced: Pick<ReplacedMounts, "has">) {
    this.#view = view;
    this.#own = own;
    this.#replaced = replaced;
    this.#rebuild();
    view.onChange((_key, entry) => {
      this.#sequence = Math.max(this.#sequence, entry?.sequence ?? 0);
      this.#rebuild();
    });
  }

  caughtUp(signal?: AbortSignal): Promise<void> {
    return this.#view.caughtUp(signal);
  }

  reached(sequence: number, signal?: AbortSignal): Promise<void> {
    return this.#view.reached(sequence, signal);
  }

  /** The highest sequence of a rule's write that counts here. */
  get sequence(): number {
    return this.#sequence;
  }

  get isEmpty(): boolean {
    return this.#byDestination.size === 0;
  }

  /** Calls `listener` with the destination of each rule that changes from now on, after this book has it. */
  onChange(listener: (destination: Uid) => void): void {
    const known = new Map<string, Uid>();
    for (const [key, { value }] of this.#view.entries()) known.set(key, value.destination);
    this.#view.onChange((key, entry) => {
      const destination = entry?.value.destination ?? known.get(key);
      if (entry !== undefined) known.set(key, entry.value.destination);
      if (destination !== undefined) listener(destination);
    });
  }

  /** A rule by its uid, unless it is removed. */
  get(uid: Uid): Entry<RuleRecord> | undefined {
    const entry = this.#view.get(uid);
    return entry?.value.state === "active" ? entry : undefined;
  }

  /** Also removed ones. */
  entryOf(uid: Uid): Entry<RuleRecord> | undefined {
    return this.#view.get(uid);
  }

  /** The rules of a destination, the oldest first. */
  ofDestination(uid: Uid): readonly RuleRecord[] {
    return (this.#byDestination.get(uid) ?? []).map(({ rule }) => rule);
  }

  /** Every destination with rules. */
  destinations(): IterableIterator<Uid> {
    return this.#byDestination.keys();
  }

  /** Destinations with rules over secrets of a namespace. */
  destinationsIn(namespace: string): ReadonlySet<Uid> {
    return this.#byNamespace.get(namespace) ?? NOBODY;
  }

  /** What the rules of a destination make of a secret. */
  rulingOn(
    destination: Pick<DestinationRecord, "uid" | "state" | "source"> | undefined,
    secret: Pick<SecretRef, "namespace" | "mount" | "accessor" | "path">,
    state: RuledState | undefined,
  ): Ruling {
    if (destination?.state !== "active") return NONE;
    const rules = this.#byDestination.get(destination.uid);
    if (rules === undefined) return NONE;
    if (isWithinOwnMount(this.#own, secret.namespace, secret.mount)) return NONE;
    // What was seen under the mount that another one took the place of is nothing that could be synced (O20).
    if (this.#replaced.has(secret)) return NONE;
    if (!isSourceAllowed(destination.source, secret)) return NONE;
    return ruleOn(rules, secret, state);
  }

  #rebuild(): void {
    this.#byDestination.clear();
    this.#byNamespace.clear();
    const active: CompiledRule[] = [];
    for (const [, { value, sequence }] of this.#view.entries()) {
      this.#sequence = Math.max(this.#sequence, sequence);
      if (value.state === "active") active.push(compileRule(value));
    }
    active.sort(compareRules);
    for (const [uid, rules] of Map.groupBy(active, ({ rule }) => rule.destination)) {
      this.#byDestination.set(uid, rules);
    }
    for (const [namespace, rules] of Map.groupBy(active, ({ rule }) => rule.namespace)) {
      this.#byNamespace.set(namespace, new Set(rules.map(({ rule }) => rule.destination)));
    }
  }
}

const NONE: Ruling = { kind: "none" };
const NOBODY: ReadonlySet<Uid> = new Set();
