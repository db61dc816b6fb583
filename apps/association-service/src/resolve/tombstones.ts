// Owns: forgetting a removed association once the outcome of its unsync is in (hazard remove-then-destroy): until then
// its tombstone is what an unsync is resolved from.

import {
  type AssociationRecord,
  compareFences,
  type SyncCommand,
  type SyncRecord,
} from "@keyferry/contracts";
import type { ServiceEvents } from "../events.ts";
import type { BusPort, Entry } from "../ports.ts";
import type { Pair } from "./resolver.ts";

/** True if nothing of a removed association is left in Key Vault and no command of it is under way. Pure. */
export function isFinished(
  association: AssociationRecord,
  last: Entry<SyncCommand> | undefined,
  record: SyncRecord | undefined,
): boolean {
  if (association.state !== "removed" || last === undefined || record === undefined) return false;
  const command = last.value;
  if (command.op !== "unsync" || command.permit?.by !== "person") return false;
  if (command.association !== association.uid || record.association !== association.uid) return false;
  const fence = { epoch: command.epoch, sequence: last.sequence };
  return compareFences(record.consumed, fence) >= 0 && record.outcome?.kind === "unsynced";
}

export class Tombstones {
  readonly #bus: Pick<BusPort, "associations" | "commands" | "results">;
  readonly #events: ServiceEvents;

  constructor(bus: Pick<BusPort, "associations" | "commands" | "results">, events: ServiceEvents) {
    this.#bus = bus;
    this.#events = events;
  }

  /**
   * Deletes the pair's tombstone if it has served its purpose; a compare-and-set, so that a re-set in between wins.
   * @returns true if there was one and it is gone
   */
  async purgeIfFinished({ destination, secretKey }: Pair): Promise<boolean> {
    const key = `${destination}.${secretKey}`;
    const association = await this.#bus.associations.get(key);
    if (association?.value.state !== "removed") return false;
    const last = await this.#bus.commands.last(destination, secretKey);
    const record = await this.#bus.results.last(destination, secretKey);
    if (!isFinished(association.value, last, record?.value)) return false;
    const result = await this.#bus.associations.delete(key, association.sequence);
    if (result.kind === "lost") {
      this.#events.casLost("association");
      return false;
    }
    this.#events.tombstonePurged({ destination, association: association.value.uid });
    return true;
  }
}
