// Owns: taking permits from a destination's budget by compare-and-set. The arithmetic is spend.ts.
// Only the resolver asks: no other part of Keyferry may allow a source-driven delete (DESIGN section 6).

import { KeyferryError } from "@keyferry/errors";
import type { DeleteBudget, Permit, Uid } from "@keyferry/contracts";
import type { Clock } from "@keyferry/ports";
import type { ServiceEvents } from "../events.ts";
import type { Table } from "../ports.ts";
import { type BudgetLimits, type Claim, type DeleteGuard, guardedLimits, spend } from "./spend.ts";

export interface PermitsOptions {
  readonly budgets: Table<DeleteBudget>;
  readonly limits: BudgetLimits;
  /** What a destination says for itself; what it leaves out is as configured. */
  readonly guardOf: (destination: Uid) => DeleteGuard | undefined;
  /** How many secrets a destination has: what the percentages are of. */
  readonly associationsOf: (destination: Uid) => number;
  readonly clock: Clock;
  readonly events: ServiceEvents;
}

const EMPTY: DeleteBudget = { major: 1, spent: [] };
// In one process claims of a destination wait for each other, so only other processes can win; ten of them in a row
// mean that something is wrong, and the message is handed out again anyway.
const ATTEMPTS_MAX = 10;

export function budgetKey(destination: Uid): string {
  return `budget.${destination}`;
}

export class Permits {
  readonly #options: PermitsOptions;
  readonly #line = new Map<Uid, Promise<unknown>>();

  constructor(options: PermitsOptions) {
    this.#options = options;
  }

  /**
   * A permit for a source-driven delete, or null if the budget has none left.
   * @throws KeyferryError `conflict` when others keep winning; `bus-*`
   */
  claim(destination: Uid, claim: Claim): Promise<Permit | null> {
    const before = this.#line.get(destination) ?? Promise.resolve();
    const turn = before.then(
      () => this.#take(destination, claim),
      () => this.#take(destination, claim),
    );
    this.#line.set(destination, turn);
    const forget = () => {
      if (this.#line.get(destination) === turn) this.#line.delete(destination);
    };
    turn.then(forget, forget);
    return turn;
  }

  async #take(destination: Uid, claim: Claim): Promise<Permit | null> {
    const { budgets, guardOf, associationsOf, clock, events } = this.#options;
    const limits = guardedLimits(this.#options.limits, guardOf(destination));
    const key = budgetKey(destination);
    const facts = { destination, association: claim.association };
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const stored = await budgets.get(key);
      const spending = spend(stored?.value ?? EMPTY, clock.now(), limits, associationsOf(destination), claim);
      if (spending.kind === "refused") {
        events.permitDecided("refused", { ...facts, per: spending.per, limit: spending.limit });
        return null;
      }
      const permit: Permit = { by: "budget", fingerprint: claim.fingerprint };
      if (spending.reused) {
        events.permitDecided("reused", facts);
        return permit;
      }
      const result = await budgets.put(key, spending.budget, stored?.sequence ?? 0);
      if (result.kind === "stored") {
        events.permitDecided("granted", facts);
        return permit;
      }
      events.casLost("budget");
    }
    throw new KeyferryError("conflict", "Others kept taking from the delete budget", { destination });
  }
}
