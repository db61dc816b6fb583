// Owns: the end of a destination: purge and retirement, restart-safe, one step at a time and each repeatable.
//   `deleting`  a purge is under way: every association becomes a tombstone; it still answers to its name.
//   `retired`   deleted by a person; nobody sees it, its last unsyncs still need its credential (remove-then-destroy).
// When no association, tombstones included, is left, its durables, client secret and record go, in this order.

import { approvalKey } from "@keyferry/bus";
import type { AssociationRecord, Uid } from "@keyferry/contracts";
import type { Clock } from "@keyferry/ports";
import type { AssociationIndex, AssociationRow } from "../associations/association-index.ts";
import type { ServiceEvents } from "../events.ts";
import { budgetKey } from "../permits/permits.ts";
import type { BusPort } from "../ports.ts";
import type { RuleBook } from "../rules/rule-book.ts";
import type { RuledPairs } from "../rules/ruled-pairs.ts";
import type { CredentialStore } from "./credential-store.ts";
import type { DestinationIndex } from "./destination-index.ts";

export interface RetirementOptions {
  readonly bus: Pick<
    BusPort,
    "destinations" | "associations" | "commands" | "budgets" | "rules" | "approvals"
  >;
  readonly associations: AssociationIndex;
  readonly rules: RuleBook;
  readonly ruledPairs: RuledPairs;
  readonly destinations: DestinationIndex;
  readonly credentials: CredentialStore;
  readonly clock: Clock;
  readonly events: ServiceEvents;
}

export class Retirement {
  readonly #options: RetirementOptions;

  constructor(options: RetirementOptions) {
    this.#options = options;
  }

  /** Takes a closing destination as far as it can go now. Does nothing for one that is active or gone. */
  async advance(uid: Uid, signal?: AbortSignal): Promise<void> {
    const { associations, destinations } = this.#options;
    await destinations.caughtUp(signal);
    const row = destinations.byUid(uid);
    if (row === undefined || row.entry.value.state === "active") return;
    // After the destination was seen closing: whatever set wrote before that is in the index now.
    await associations.caughtUp(signal);
    const left = associations.ofDestination(uid);
    const isPurge = row.entry.value.state === "deleting";
    for (const association of left) {
      // An exclusion has outlived what it kept from being made.
      if (isPurge || association.entry.value.state === "excluded") await this.#removeForPurge(association);
    }
    const ruled = await this.#removeRuled(uid, signal);
    if (left.length === 0 && ruled === 0) await this.#finish(uid);
  }

  // What rules made has no record that a tombstone could be made of: it gets one, so that its unsync is waited for.
  async #removeRuled(uid: Uid, signal: AbortSignal | undefined): Promise<number> {
    const { bus, ruledPairs, clock } = this.#options;
    await ruledPairs.caughtUp(signal);
    const now = new Date(clock.now()).toISOString();
    let written = 0;
    for (const { pair, origin } of ruledPairs.leftOf(uid)) {
      const { secretKey } = pair;
      // No command: it was dropped by force, and what may be left in Key Vault was told (views are not told of that).
      const last = await bus.commands.last(uid, secretKey);
      if (last === undefined) continue;
      const tombstone: AssociationRecord = {
        major: 1,
        uid: origin.association,
        state: "removed",
        destination: uid,
        secretKey,
        secret: origin.secret,
        spec: last.value.spec,
        createdAt: now,
        updatedAt: now,
      };
      await bus.associations.put(`${uid}.${secretKey}`, tombstone, 0);
      written += 1;
    }
    return written;
  }

  async #removeForPurge({ key, entry }: AssociationRow): Promise<void> {
    if (entry.value.state === "removed") return;
    const { bus, clock, events } = this.#options;
    const tombstone: AssociationRecord = {
      ...entry.value,
      state: "removed",
      updatedAt: new Date(clock.now()).toISOString(),
    };
    const result = await bus.associations.put(key, tombstone, entry.sequence);
    // Somebody else wrote: the bucket's message brings us here again.
    if (result.kind === "lost") events.casLost("association");
  }

  async #finish(uid: Uid): Promise<void> {
    const { bus, credentials, destinations, rules, events } = this.#options;
    for (const rule of rules.ofDestination(uid)) {
      const stored = rules.get(rule.uid);
      if (stored !== undefined) await bus.rules.delete(rule.uid, stored.sequence);
    }
    await bus.commands.dropConsumers(uid);
    await credentials.remove(uid);
    const budget = await bus.budgets.get(budgetKey(uid));
    if (budget !== undefined) await bus.budgets.delete(budgetKey(uid), budget.sequence);
    const approval = await bus.approvals.get(approvalKey(uid));
    if (approval !== undefined) await bus.approvals.delete(approvalKey(uid), approval.sequence);
    for (const { key, entry } of destinations.rowsOf(uid)) {
      if (entry.value.state === "active") continue;
      const result = await bus.destinations.delete(key, entry.sequence);
      if (result.kind === "lost") events.casLost("destination");
      else events.destinationChanged("gone", { name: entry.value.name, uid });
    }
  }
}
