// Owns: setting and removing associations. It writes KV, nothing more: resolvers are woken by the bucket's messages, so
// that a crash after the write loses nothing (hazard crash-after-the-kv-write).

import type { AssociationRecord, DestinationRecord, SecretRef, Uid } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import { newUid, secretKeyOf } from "@keyferry/naming";
import type { Clock, Random } from "@keyferry/ports";
import { SharedLooks } from "../boot/shared-looks.ts";
import { PURGE_IN_PROGRESS } from "../destinations/destination-writer.ts";
import { destinationKey, type DestinationIdentity } from "../destinations/destination-key.ts";
import type { ServiceEvents } from "../events.ts";
import { absent, badRequest } from "../gateway/refusal.ts";
import type { Entry, FollowedTable, Table } from "../ports.ts";
import type { AssociationIndex } from "./association-index.ts";

export interface AssociationWriterOptions {
  readonly table: FollowedTable<AssociationRecord>;
  readonly destinations: Table<DestinationRecord>;
  readonly associations: AssociationIndex;
  /** Key of `<k>`. */
  readonly secretKeyKey: Buffer;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: ServiceEvents;
}

interface Written {
  readonly before: AssociationRecord | undefined;
  readonly after: Entry<AssociationRecord>;
}

// Set and remove of one association at the same moment; more in a row is somebody's loop.
const ATTEMPTS_MAX = 5;

export class AssociationWriter {
  readonly #options: AssociationWriterOptions;
  readonly #looks = new SharedLooks<Entry<DestinationRecord> | undefined>();

  constructor(options: AssociationWriterOptions) {
    this.#options = options;
  }

  /**
   * Associates a secret, refreshes the association (its spec becomes the destination's of today), or revives a removed
   * one whose unsync has not ended. `destination` may be as old as a view is: it is read again after the write.
   * @throws Refusal 400, 404; KeyferryError `conflict`, `bus-*`
   */
  async set(
    identity: DestinationIdentity,
    destination: Entry<DestinationRecord>,
    secret: SecretRef,
  ): Promise<AssociationRecord> {
    const secretKey = secretKeyOf(this.#options.secretKeyKey, secret);
    const key = `${destination.value.uid}.${secretKey}`;
    let used = destination;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const { value } = used;
      const written = await this.#put(key, (stored) => this.#setRecord(value, { secret, secretKey }, stored));
      if (written === undefined) throw new KeyferryError("unexpected", "A set wrote nothing");
      const now = await this.#stillActive(identity, value.uid, key, written);
      this.#tell(written.before?.state === "active" ? "refreshed" : "set", written.after.value);
      if (now.sequence === used.sequence) return written.after.value;
      // It was written in the meantime, or the view was behind: the association gets the spec of today.
      used = now;
    }
    throw new KeyferryError("conflict", "Others kept writing this destination");
  }

  // Deleting a destination marks it first and looks for associations then; we write first and look at the destination
  // then: one of the two sees the other (hazard destination-delete-vs-set).
  async #stillActive(
    identity: DestinationIdentity,
    uid: Uid,
    key: string,
    written: Written,
  ): Promise<Entry<DestinationRecord>> {
    try {
      const now = await this.activeDestination(identity);
      if (now.value.uid !== uid) throw absent();
      return now;
    } catch (error) {
      await this.#undo(key, written);
      throw error;
    }
  }

  /** Removes every association of this path with the destination; fine if there is none. */
  async remove(destination: DestinationRecord, mount: string, path: string): Promise<void> {
    const { associations } = this.#options;
    await associations.caughtUp();
    const rows = associations.ofPath(destination.namespace, mount, path);
    for (const { key, entry } of rows) {
      if (entry.value.destination !== destination.uid || entry.value.state === "removed") continue;
      const written = await this.#put(key, (stored) =>
        stored === undefined || stored.state === "removed" ? undefined : this.#tombstone(stored),
      );
      if (written !== undefined) this.#tell("removed", written.after.value);
    }
  }

  /**
   * A leader read of a destination that associations may be set on.
   * @throws Refusal 404 if there is no such destination, 400 while it is being purged
   */
  async activeDestination(identity: DestinationIdentity): Promise<Entry<DestinationRecord>> {
    const key = destinationKey(identity);
    const entry = await this.#looks.look(key, () => this.#options.destinations.get(key));
    if (entry === undefined || entry.value.state === "retired") throw absent();
    if (entry.value.state === "deleting") throw badRequest(PURGE_IN_PROGRESS);
    return entry;
  }

  // Undefined: `next` wants nothing written.
  async #put(
    key: string,
    next: (stored: AssociationRecord | undefined) => AssociationRecord | undefined,
  ): Promise<Written | undefined> {
    const { table, associations, events, clock } = this.#options;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      // The index may be behind: then the compare-and-set is lost, and the leader is asked.
      const stored = attempt === 0 ? associations.get(key)?.entry : await table.get(key);
      const value = next(stored?.value);
      if (value === undefined) return undefined;
      const result = await table.put(key, value, stored?.sequence ?? 0);
      if (result.kind === "stored") {
        const after = { value, sequence: result.sequence, time: clock.now() };
        return { before: stored?.value, after };
      }
      events.casLost("association");
    }
    throw new KeyferryError("conflict", "Others kept writing this association");
  }

  #setRecord(
    destination: DestinationRecord,
    { secret, secretKey }: Pick<AssociationRecord, "secret" | "secretKey">,
    stored: AssociationRecord | undefined,
  ): AssociationRecord {
    const { clock, random } = this.#options;
    const now = new Date(clock.now()).toISOString();
    return {
      major: 1,
      uid: stored?.uid ?? newUid(random),
      state: "active",
      destination: destination.uid,
      secretKey,
      secret,
      spec: destination.spec,
      createdAt: stored?.createdAt ?? now,
      updatedAt: now,
    };
  }

  #tombstone(stored: AssociationRecord): AssociationRecord {
    return { ...stored, state: "removed", updatedAt: new Date(this.#options.clock.now()).toISOString() };
  }

  // The resolver may have seen the association already, so it is not deleted but removed like any other.
  async #undo(key: string, { before, after }: Written): Promise<void> {
    if (before?.state === "active") return;
    await this.#options.table.put(key, this.#tombstone(after.value), after.sequence);
    this.#tell("undone", after.value);
  }

  #tell(what: "set" | "refreshed" | "removed" | "undone", record: AssociationRecord): void {
    const { destination, uid, secret } = record;
    this.#options.events.associationChanged(what, { destination, association: uid, mount: secret.mount });
  }
}
