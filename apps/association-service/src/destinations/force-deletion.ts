// Owns: deleting a destination whose external secrets can't be reached any more (reference: force_delete, meant for dead
// credentials): its commands are dropped, its associations and its record go at once, and what may be left in Key Vault is
// named in the log, as nobody will unsync it.
// Invariants: it begins as a purge does, so that no set passes; each step is repeatable, and what a crash leaves is a purge
// under way, which a repeated request ends.

import type { SyncRecord, Uid } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import type { AssociationIndex, AssociationRow } from "../associations/association-index.ts";
import type { ServiceEvents } from "../events.ts";
import type { BusPort, TableView } from "../ports.ts";
import { destinationKey, type DestinationIdentity } from "./destination-key.ts";
import type { DestinationWriter } from "./destination-writer.ts";
import type { Retirement } from "./retirement.ts";

export interface ForceDeletionOptions {
  readonly bus: Pick<BusPort, "destinations" | "associations" | "commands">;
  readonly associations: AssociationIndex;
  readonly results: Pick<TableView<SyncRecord>, "get" | "caughtUp">;
  readonly destinationWriter: DestinationWriter;
  readonly retirement: Retirement;
  readonly events: ServiceEvents;
}

// A set that was under way leaves a tombstone behind, the purge's own consumer writes others: each round sees those of
// the round before.
const ROUNDS_MAX = 8;
const ATTEMPTS_MAX = 5;
// Rows that are dropped at once: keeps NATS busy without starving the API of the same process.
const AT_ONCE = 32;

export class ForceDeletion {
  readonly #options: ForceDeletionOptions;

  constructor(options: ForceDeletionOptions) {
    this.#options = options;
  }

  /**
   * Deletes the destination and all of its associations now; fine if there is none.
   * @throws KeyferryError `conflict`, `bus-*`, `source-*`: repeat it
   */
  async run(identity: DestinationIdentity): Promise<void> {
    const { bus, destinationWriter, retirement, associations, results } = this.#options;
    const key = destinationKey(identity);
    await destinationWriter.purge(identity);
    const marked = await bus.destinations.get(key);
    if (marked === undefined || marked.value.state === "retired") return;
    const { uid, connection } = marked.value;
    await results.caughtUp();
    const told = new Set<string>();
    const dropped = new Set<string>();
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      await bus.commands.dropConsumers(uid);
      await associations.caughtUp();
      const rows = associations.ofDestination(uid);
      for (const row of rows.filter((row) => !told.has(row.key))) {
        told.add(row.key);
        dropped.add(row.entry.value.secretKey);
        this.#tell(identity.name, connection.keyVaultUri, row);
      }
      for (let at = 0; at < rows.length; at += AT_ONCE) {
        await Promise.all(rows.slice(at, at + AT_ONCE).map((row) => this.#drop(uid, row)));
      }
      await retirement.advance(uid);
      if ((await bus.destinations.get(key))?.value.uid === uid) continue;
      // A resolver that looked between an association's end and the destination's has ordered an unsync of what is
      // left. Now that the destination is gone nothing new is ordered.
      await Promise.all([...dropped].map((secretKey) => bus.commands.purge(uid, secretKey)));
      return;
    }
    throw new KeyferryError("conflict", "Others kept writing associations of this destination");
  }

  #tell(destination: string, keyVaultUri: string, { key, entry }: AssociationRow): void {
    const record = this.#options.results.get(key)?.value;
    const left = Object.values(record?.names ?? {}).filter(
      ({ state, intent }) => state === "live" || state === "recovering" || intent !== null,
    );
    if (left.length === 0) return;
    const { mount, path } = entry.value.secret;
    const externalNames = left.map(({ name }) => name).sort();
    this.#options.events.orphanLeft({ destination, keyVaultUri, mount, path, externalNames });
  }

  // The association first: without it no resolver orders anything new.
  async #drop(uid: Uid, { key, entry }: AssociationRow): Promise<void> {
    const { bus, events } = this.#options;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const stored = await bus.associations.get(key);
      if (stored === undefined) break;
      if ((await bus.associations.delete(key, stored.sequence)).kind === "stored") break;
      events.casLost("association");
    }
    await bus.commands.purge(uid, entry.value.secretKey);
  }
}
