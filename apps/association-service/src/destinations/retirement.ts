// Owns: the end of a destination: purge and retirement, restart-safe, one step at a time and each repeatable.
//   `deleting`  a purge is under way: every association becomes a tombstone; it still answers to its name.
//   `retired`   deleted by a person; nobody sees it, its last unsyncs still need its credential (remove-then-destroy).
// When no association, tombstones included, is left, its durables, client secret and record go, in this order.

import type { AssociationRecord, Uid } from "@keyferry/contracts";
import type { Clock } from "@keyferry/ports";
import type { AssociationIndex, AssociationRow } from "../associations/association-index.ts";
import type { ServiceEvents } from "../events.ts";
import { budgetKey } from "../permits/permits.ts";
import type { BusPort } from "../ports.ts";
import type { CredentialStore } from "./credential-store.ts";
import type { DestinationIndex } from "./destination-index.ts";

export interface RetirementOptions {
  readonly bus: Pick<BusPort, "destinations" | "associations" | "commands" | "budgets">;
  readonly associations: AssociationIndex;
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
    if (row.entry.value.state === "deleting") {
      for (const association of left) await this.#removeForPurge(association);
    }
    if (left.length === 0) await this.#finish(uid);
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
    const { bus, credentials, destinations, events } = this.#options;
    await bus.commands.dropConsumers(uid);
    await credentials.remove(uid);
    const budget = await bus.budgets.get(budgetKey(uid));
    if (budget !== undefined) await bus.budgets.delete(budgetKey(uid), budget.sequence);
    for (const { key, entry } of destinations.rowsOf(uid)) {
      if (entry.value.state === "active") continue;
      const result = await bus.destinations.delete(key, entry.sequence);
      if (result.kind === "lost") events.casLost("destination");
      else events.destinationChanged("gone", { name: entry.value.name, uid });
    }
  }
}
