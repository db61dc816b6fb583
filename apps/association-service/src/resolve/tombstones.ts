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
  return compareFences(record.consumed, fenceOf(last)) >= 0 && record.outcome?.kind === "unsynced";
}

/**
 * True if the unsync of a removed association has ended refused (somebody else's name by now, a role without the right):
 * settle tries it 6-hourly, for ever, unless a person gives it up. Pure.
 */
export function isStuck(
  association: AssociationRecord,
  last: Entry<SyncCommand> | undefined,
  record: SyncRecord | undefined,
): boolean {
  if (association.state === "active" || last === undefined || record?.outcome?.kind !== "refused")
    return false;
  return last.value.op === "unsync" && compareFences(record.consumed, fenceOf(last)) >= 0;
}

function fenceOf({ value, sequence }: Entry<SyncCommand>) {
  return { epoch: value.epoch, sequence };
}

type TombstonesBus = Pick<BusPort, "associations" | "commands" | "results">;

export class Tombstones {
  readonly #bus: TombstonesBus;
  readonly #events: ServiceEvents;

  constructor(bus: TombstonesBus, events: ServiceEvents) {
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

  /**
   * Gives a stuck removal up, as a person asked: what may be left in Key Vault is told, and nobody will delete it.
   * @returns true if there was one and it is forgotten
   */
  async giveUp(
    { destination, secretKey }: Pair,
    at: { readonly destination: string; readonly keyVaultUri: string },
  ): Promise<boolean> {
    const key = `${destination}.${secretKey}`;
    const association = await this.#bus.associations.get(key);
    if (association === undefined) return false;
    const last = await this.#bus.commands.last(destination, secretKey);
    const record = (await this.#bus.results.last(destination, secretKey))?.value;
    if (!isStuck(association.value, last, record)) return false;
    const { mount, path } = association.value.secret;
    const externalNames = Object.values(record?.names ?? {}).map(({ name }) => name);
    this.#events.orphanLeft({ ...at, mount, path, externalNames: externalNames.sort() });
    const result = await this.#bus.associations.delete(key, association.sequence);
    if (result.kind === "lost") {
      this.#events.casLost("association");
      return false;
    }
    await this.#bus.commands.purge(destination, secretKey);
    return true;
  }
}
