// Owns: setting and removing associations. It writes KV, nothing more: resolvers are woken by the bucket's messages, so
// that a crash after the write loses nothing (hazard crash-after-the-kv-write).

import type { AssociationRecord, DestinationRecord, SecretRef, Uid } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import { associationUidOf, secretKeyOf } from "@keyferry/naming";
import type { Clock } from "@keyferry/ports";
import { SharedLooks } from "../boot/shared-looks.ts";
import { PURGE_IN_PROGRESS } from "../destinations/destination-writer.ts";
import {
  destinationKey,
  type DestinationIdentity,
  retiredDestinationKey,
} from "../destinations/destination-key.ts";
import type { ServiceEvents } from "../events.ts";
import { absent, badRequest } from "../gateway/refusal.ts";
import type { Entry, FollowedTable, Table } from "../ports.ts";
import { type KnownSecrets, refOf } from "../rules/known-secrets.ts";
import { madeAssociation } from "../rules/made-association.ts";
import type { AssociationIndex } from "./association-index.ts";
import type { EffectiveAssociations } from "./effective-associations.ts";
import type { NameIndex } from "./name-index.ts";

export interface AssociationWriterOptions {
  readonly table: FollowedTable<AssociationRecord>;
  readonly destinations: Table<DestinationRecord>;
  readonly associations: AssociationIndex;
  readonly names: Pick<NameIndex, "holderOf">;
  readonly effective: Pick<EffectiveAssociations, "caughtUp" | "rulingOn">;
  readonly secrets: Pick<KnownSecrets, "get" | "ofPath">;
  /** Key of `<k>`. */
  readonly secretKeyKey: Buffer;
  readonly clock: Clock;
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
   * @returns the record and its sequence, which a view has to reach to show it
   * @throws Refusal 400, 404; KeyferryError `conflict`, `bus-*`
   */
  async set(
    identity: DestinationIdentity,
    destination: Entry<DestinationRecord>,
    secret: SecretRef,
  ): Promise<Entry<AssociationRecord>> {
    const secretKey = secretKeyOf(this.#options.secretKeyKey, secret);
    const key = `${destination.value.uid}.${secretKey}`;
    let used = destination;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const { value } = used;
      this.#refuseTakenName(value, { secret, secretKey });
      const written = await this.#put(key, (stored) => this.#setRecord(value, { secret, secretKey }, stored));
      if (written === undefined) throw new KeyferryError("unexpected", "A set wrote nothing");
      const now = await this.#stillActive(identity, value.uid, key, written);
      this.#tell(written.before?.state === "active" ? "refreshed" : "set", written.after.value);
      if (now.sequence === used.sequence) return written.after;
      // It was written in the meantime, or the view was behind: the association gets the spec of today.
      used = now;
    }
    throw new KeyferryError("conflict", "Others kept writing this destination");
  }

  // In Vault the last write would win; here it would wait for ever (name-taken), so that the person is told now. Somebody
  // else's set of the same moment may pass: then the sink finds it.
  #refuseTakenName(
    destination: DestinationRecord,
    wanted: Pick<AssociationRecord, "secret" | "secretKey">,
  ): void {
    const holder = this.#options.names.holderOf(destination, wanted);
    if (holder === undefined) return;
    const { mount, path } = holder.association.secret;
    const { namespace, type, name } = holder.destination;
    const who =
      namespace === destination.namespace
        ? `the association of ${mount}/${path} with ${type}/${name}`
        : "an association of another namespace";
    const by = holder.rule === undefined ? "" : `, which rule ${holder.rule} makes,`;
    throw badRequest(
      `external name ${holder.name} is taken: ${who}${by} has it in this vault, which ignores case. ` +
        "Change secret_name_template, or remove that association",
    );
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
      await this.#undo(identity, uid, key, written);
      throw error;
    }
  }

  /**
   * Removes every association of this path with the destination; fine if there is none. What a rule makes, or would
   * make again, is excluded from it instead (hazard rule-makes-it-again).
   * @returns the sequence of its last write; 0 if nothing had to be written
   */
  async remove(destination: DestinationRecord, mount: string, path: string): Promise<number> {
    const { associations, effective, secrets } = this.#options;
    const { uid, namespace } = destination;
    let sequence = 0;
    await effective.caughtUp();
    const stored = associations.ofPath(namespace, mount, path).map(({ entry }) => entry.value);
    // Also by where the mount is now: what was set before it was moved still has its old place on record.
    const known = secrets.ofPath(namespace, mount, path);
    for (const secretKey of new Set([...stored.map((record) => record.secretKey), ...known])) {
      const written = await this.#put(`${uid}.${secretKey}`, (record) =>
        this.#removed(uid, secretKey, record),
      );
      if (written === undefined) continue;
      sequence = written.after.sequence;
      this.#tell("removed", written.after.value);
    }
    return sequence;
  }

  // Undefined: there is nothing to remove, or it is removed already.
  #removed(
    uid: Uid,
    secretKey: string,
    stored: AssociationRecord | undefined,
  ): AssociationRecord | undefined {
    const { effective, secrets, clock } = this.#options;
    const secret = secrets.get(secretKey);
    const ruling = secret === undefined ? undefined : effective.rulingOn(uid, secret);
    const updatedAt = new Date(clock.now()).toISOString();
    if (ruling?.kind === "made" && secret !== undefined) {
      if (stored?.state === "excluded") return undefined;
      const base = stored ?? madeAssociation(ruling.rule, { secretKey, secret: refOf(secret) });
      return { ...base, state: "excluded", updatedAt };
    }
    return stored?.state === "active" ? { ...stored, state: "removed", updatedAt } : undefined;
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
    const { clock } = this.#options;
    const now = new Date(clock.now()).toISOString();
    return {
      major: 1,
      uid: stored?.uid ?? associationUidOf(destination.uid, secretKey),
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
  async #undo(
    identity: DestinationIdentity,
    uid: Uid,
    key: string,
    { before, after }: Written,
  ): Promise<void> {
    const { table } = this.#options;
    if (before?.state === "active") return;
    const undone = before?.state === "excluded" ? before : this.#tombstone(after.value);
    const removed = await table.put(key, undone, after.sequence);
    this.#tell("undone", after.value);
    if (removed.kind === "lost" || (await this.#isAnywhere(identity, uid))) return;
    // It was deleted by force: no sink is left that could end an unsync, so the tombstone would stay for ever.
    await table.delete(key, removed.sequence);
  }

  // Under its name or among the retired: while it moves it is in both.
  async #isAnywhere(identity: DestinationIdentity, uid: Uid): Promise<boolean> {
    const { destinations } = this.#options;
    if ((await destinations.get(destinationKey(identity)))?.value.uid === uid) return true;
    return (await destinations.get(retiredDestinationKey(uid))) !== undefined;
  }

  #tell(what: "set" | "refreshed" | "removed" | "undone", record: AssociationRecord): void {
    const { destination, uid, secret } = record;
    this.#options.events.associationChanged(what, { destination, association: uid, mount: secret.mount });
  }
}
