// Owns: which faults hit which call. Rules are tried in the order they were added, and every rule that fires takes part.
// Invariant: a rule with a probability draws from its own seeded sequence, so a run can be repeated.
import { randomInt } from "node:crypto";
import type { Operation } from "../wire/route.ts";

export type Fault =
  /** Waits before the effect; the effect takes place even if the client has gone by then (a late write). */
  | { readonly kind: "latency"; readonly ms: number }
  /** Waits before the effect until the rule is released. */
  | { readonly kind: "hold" }
  /** Answers with an error instead of the effect. */
  | {
      readonly kind: "error";
      readonly status: number;
      readonly code?: string;
      readonly innerCode?: string;
      readonly retryAfterSeconds?: number;
    }
  /** Cuts the connection; nothing has happened. */
  | { readonly kind: "reset-before" }
  /** Cuts the connection after the effect: the lost answer. */
  | { readonly kind: "reset-after" }
  /** Sends half of the answer, then the rest after a while. */
  | { readonly kind: "slow-body"; readonly ms: number }
  /** Sends the answer's JSON cut in the middle, as a complete HTTP message. */
  | { readonly kind: "truncated-json" }
  /** Reads (lists, gets) see the vaults as they were when the rule was added. */
  | { readonly kind: "stale-list" }
  /** 401 with a claims challenge (continuous access evaluation) until a token newer than the rule comes. */
  | { readonly kind: "claims-challenge" };

export interface FaultRule {
  readonly fault: Fault;
  /** Which operations; all of the data plane where missing. `token` is the authority's token endpoint. */
  readonly operations?: readonly (Operation | "token")[];
  readonly vault?: string;
  /** A regular expression on the secret's name, without regard to case. */
  readonly namePattern?: string;
  /** Between 0 and 1; always where missing. */
  readonly probability?: number;
  readonly seed?: number;
  /** Lets this many matching calls pass first. */
  readonly skip?: number;
  /** Fires this many times; without end where missing. */
  readonly count?: number;
}

/** What a rule is matched against. */
export interface FaultTarget {
  readonly operation: Operation | "token";
  readonly vault: string;
  readonly name: string;
}

export interface FaultHandle {
  readonly id: string;
  /** How many calls it has hit. */
  readonly fired: number;
  /** How many calls wait at it now (`hold`). */
  readonly held: number;
  /** Lets the calls that wait go on, oldest first; all of them without a number. */
  release(calls?: number): void;
  /** Takes the rule away and lets go of whatever waits at it. */
  remove(): void;
}

/** Rules kept at a time: a test that adds more has lost count. */
const RULES_MAX = 1_000;

/** One rule at work. */
export class ActiveRule implements FaultHandle {
  readonly id: string;
  readonly rule: FaultRule;
  readonly addedAtMs = Date.now();
  readonly #pattern: RegExp | undefined;
  readonly #draw: () => number;
  readonly #onRemove: (rule: ActiveRule) => void;
  #matched = 0;
  #fired = 0;
  #waiting: (() => void)[] = [];

  constructor(id: string, rule: FaultRule, onRemove: (rule: ActiveRule) => void) {
    this.id = id;
    this.rule = rule;
    this.#pattern = rule.namePattern === undefined ? undefined : new RegExp(rule.namePattern, "i");
    this.#draw = seededDraw(rule.seed ?? randomInt(0x7fff_ffff));
    this.#onRemove = onRemove;
  }

  get fired(): number {
    return this.#fired;
  }

  get held(): number {
    return this.#waiting.length;
  }

  /** Decides for one call, and counts it where it fires. */
  fires(target: FaultTarget): boolean {
    if (!this.#matches(target)) return false;
    this.#matched += 1;
    if (this.#matched <= (this.rule.skip ?? 0)) return false;
    if (this.#fired >= (this.rule.count ?? Number.POSITIVE_INFINITY)) return false;
    if (this.rule.probability !== undefined && this.#draw() >= this.rule.probability) return false;
    this.#fired += 1;
    return true;
  }

  /** Waits at a `hold` rule until it is released. */
  wait(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  release(calls = Number.POSITIVE_INFINITY): void {
    for (const go of this.#waiting.splice(0, Math.min(calls, this.#waiting.length))) go();
  }

  remove(): void {
    this.#onRemove(this);
    this.release();
  }

  #matches(target: FaultTarget): boolean {
    const { operations, vault } = this.rule;
    if (operations === undefined ? target.operation === "token" : !operations.includes(target.operation))
      return false;
    if (vault !== undefined && vault.toLowerCase() !== target.vault) return false;
    return this.#pattern === undefined || this.#pattern.test(target.name);
  }
}

/** The faults in force. */
export class FaultInjector {
  #rules: ActiveRule[] = [];
  #nextId = 1;
  readonly #onAdd: (rule: ActiveRule) => void;
  readonly #onRemove: (rule: ActiveRule) => void;

  /** The two callbacks let the owner of the vaults keep copies for `stale-list`. */
  constructor(onAdd: (rule: ActiveRule) => void, onRemove: (rule: ActiveRule) => void) {
    this.#onAdd = onAdd;
    this.#onRemove = onRemove;
  }

  /** Adds a rule. Throws a SyntaxError for a pattern that is no regular expression, a RangeError for too many rules. */
  add(rule: FaultRule): FaultHandle {
    if (this.#rules.length >= RULES_MAX) throw new RangeError(`more than ${RULES_MAX} fault rules`);
    const active = new ActiveRule(String(this.#nextId), rule, (gone) => {
      this.#rules = this.#rules.filter((one) => one !== gone);
      this.#onRemove(gone);
    });
    this.#nextId += 1;
    this.#rules.push(active);
    this.#onAdd(active);
    return active;
  }

  get(id: string): FaultHandle | undefined {
    return this.#rules.find((rule) => rule.id === id);
  }

  list(): readonly {
    readonly id: string;
    readonly fired: number;
    readonly held: number;
    readonly rule: FaultRule;
  }[] {
    return this.#rules.map(({ id, fired, held, rule }) => ({ id, fired, held, rule }));
  }

  /** Takes all rules away. */
  clear(): void {
    for (const rule of this.#rules.slice()) rule.remove();
  }

  /** The rules that fire for this call, in order. */
  pick(target: FaultTarget): readonly ActiveRule[] {
    return this.#rules.length === 0 ? NONE : this.#rules.filter((rule) => rule.fires(target));
  }
}

const NONE: readonly ActiveRule[] = [];

/** Numbers in [0, 1) from a seed (mulberry32). */
export function seededDraw(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
