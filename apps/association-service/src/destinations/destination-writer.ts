// Owns: writing and deleting destinations: the client secret to the source first, then the record by compare-and-set.
// It writes KV, nothing more: what follows (durables, purge, retirement) is woken by the bucket's own messages.

import { type DestinationRecord, type Uid } from "@keyferry/contracts";
import { KeyferryError, toKeyferryError } from "@keyferry/errors";
import { newUid } from "@keyferry/naming";
import type { Clock, Random } from "@keyferry/ports";
import type { AssociationIndex } from "../associations/association-index.ts";
import type { ServiceEvents } from "../events.ts";
import { absent, badRequest } from "../gateway/refusal.ts";
import type { ConnectionChecks, Entry, FollowedTable } from "../ports.ts";
import type { RuleBook } from "../rules/rule-book.ts";
import type { RuledPairs } from "../rules/ruled-pairs.ts";
import { composeDestination, type DestinationDefaults } from "./compose-destination.ts";
import { type CheckMode, judgeConnection } from "./connection-check.ts";
import type { CredentialStore } from "./credential-store.ts";
import { CredentialWrite } from "./credential-write.ts";
import type { DestinationFields } from "./destination-fields.ts";
import { destinationKey, type DestinationIdentity, retiredDestinationKey } from "./destination-key.ts";

export interface DestinationWriterOptions {
  readonly table: FollowedTable<DestinationRecord>;
  readonly associations: AssociationIndex;
  readonly rules: Pick<RuleBook, "caughtUp" | "ofDestination">;
  readonly ruledPairs: Pick<RuledPairs, "caughtUp" | "leftOf">;
  readonly credentials: CredentialStore;
  readonly checks: ConnectionChecks;
  readonly checkMode: CheckMode;
  readonly defaults: DestinationDefaults;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: ServiceEvents;
}

/** What was written, and what a person should know about it. */
export interface DestinationWritten {
  readonly record: DestinationRecord;
  readonly warnings: readonly string[];
}

export interface DestinationWrite {
  readonly mode: "replace" | "merge";
  readonly fields: DestinationFields;
}

// Two people who write one destination at the same moment; more in a row is somebody's loop.
const ATTEMPTS_MAX = 5;

export const PURGE_IN_PROGRESS = "purge in progress: repeat the request when the destination is gone";

export class DestinationWriter {
  readonly #options: DestinationWriterOptions;

  constructor(options: DestinationWriterOptions) {
    this.#options = options;
  }

  /**
   * Creates or updates a destination, after a sink has looked whether its connection works.
   * @throws Refusal 400 naming each wrong field or what is wrong with the connection, 404 for a PATCH of what is not
   * there; KeyferryError
   */
  async write(identity: DestinationIdentity, write: DestinationWrite): Promise<DestinationWritten> {
    const credential = new CredentialWrite(this.#options.credentials);
    try {
      return await this.#writeBySet(identity, write, credential);
    } catch (error) {
      // If that fails, or never comes to pass, an unused version stays until the next write.
      await credential.undo().catch(() => undefined);
      throw error;
    }
  }

  async #writeBySet(
    identity: DestinationIdentity,
    write: DestinationWrite,
    credential: CredentialWrite,
  ): Promise<DestinationWritten> {
    let checked: { readonly connection: string; readonly warnings: readonly string[] } | undefined;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const stored = await this.#read(identity);
      if (stored === undefined && write.mode === "merge") throw absent();
      if (stored?.value.state === "deleting") throw badRequest(PURGE_IN_PROGRESS);
      const record = await this.#compose(identity, write, stored, credential);
      const connection = JSON.stringify(record.connection);
      if (checked?.connection !== connection) {
        checked = { connection, warnings: await this.#check(record, stored?.value, write) };
      }
      // Where its answer is lost the record may name the new secret: it is not taken back any more.
      credential.mayBeNamed(true);
      const result = await this.#options.table.put(destinationKey(identity), record, stored?.sequence ?? 0);
      if (result.kind === "stored") {
        const { name, uid } = record;
        this.#options.events.destinationChanged(stored === undefined ? "created" : "updated", { name, uid });
        return { record, warnings: [...checked.warnings, ...(await this.#dropOld(record, stored?.value))] };
      }
      credential.mayBeNamed(false);
      this.#options.events.casLost("destination");
    }
    throw new KeyferryError("conflict", "Others kept writing this destination");
  }

  // A destination that logs in without a secret of ours has none any more. That version alone: somebody may be storing
  // another one.
  async #dropOld(
    { uid, connection }: DestinationRecord,
    before: DestinationRecord | undefined,
  ): Promise<readonly string[]> {
    const old = before?.connection.credential;
    if (old === undefined || !("version" in old) || "version" in connection.credential) return [];
    try {
      await this.#options.credentials.drop(uid, old);
      return [];
    } catch (thrown) {
      const { message } = toKeyferryError(thrown);
      return [
        `the old ${old.kind} could not be destroyed at the source: ${message}. Destroy it by hand: ${old.path}`,
      ];
    }
  }

  // What was not changed was looked at when it was written.
  async #check(
    { name, connection }: DestinationRecord,
    before: DestinationRecord | undefined,
    { fields }: DestinationWrite,
  ): Promise<readonly string[]> {
    if (fields.skip_connection_check === true) return [];
    if (JSON.stringify(connection) === JSON.stringify(before?.connection)) return [];
    return judgeConnection(this.#options.checks, this.#options.checkMode, name, connection);
  }

  /**
   * Deletes a destination without associations at once (tombstones do not count: hazard remove-then-destroy).
   * @throws Refusal 400 while it has active associations
   */
  async delete(identity: DestinationIdentity): Promise<void> {
    const stored = await this.#read(identity);
    if (stored === undefined) return;
    if (stored.value.state === "deleting") throw badRequest(PURGE_IN_PROGRESS);
    await this.#refuseIfAssociated(stored.value.uid);
    const retired = await this.#change(identity, stored, "retired");
    // From here no set passes: it reads the destination after its write and undoes. One that passed before shows now.
    const uid = stored.value.uid;
    try {
      await this.#refuseIfAssociated(uid);
    } catch (error) {
      await this.#change(identity, retired, "active");
      throw error;
    }
    await this.#moveToRetired(identity, retired);
    this.#options.events.destinationChanged("retired", { name: identity.name, uid });
  }

  /** Begins a purge: every association is unsynced and removed, then the destination goes. Asynchronous. */
  async purge(identity: DestinationIdentity): Promise<void> {
    const stored = await this.#read(identity);
    if (stored === undefined || stored.value.state === "deleting") return;
    await this.#change(identity, stored, "deleting");
    this.#options.events.destinationChanged("purging", { name: identity.name, uid: stored.value.uid });
  }

  // A record under its name that is retired already was left there by a crash in the middle of delete(): it is moved
  // out of the way first.
  async #read(identity: DestinationIdentity): Promise<Entry<DestinationRecord> | undefined> {
    const stored = await this.#options.table.get(destinationKey(identity));
    if (stored?.value.state !== "retired") return stored;
    await this.#moveToRetired(identity, stored);
    return undefined;
  }

  async #compose(
    identity: DestinationIdentity,
    { mode, fields }: DestinationWrite,
    stored: Entry<DestinationRecord> | undefined,
    write: CredentialWrite,
  ): Promise<DestinationRecord> {
    const { clock, random, defaults } = this.#options;
    const composed = composeDestination({ mode, fields, stored: stored?.value, defaults });
    if (composed.kind === "refused") throw badRequest(...composed.errors);
    const uid = stored?.value.uid ?? newUid(random);
    const now = new Date(clock.now()).toISOString();
    const { connection, spec, policy, source } = composed.destination;
    const credential = await write.of(uid, composed.destination.credential, stored?.value);
    return {
      major: 1,
      uid,
      ...identity,
      state: "active",
      connection: { ...connection, credential },
      spec,
      ...(policy === undefined ? {} : { policy }),
      ...(source === undefined ? {} : { source }),
      createdAt: stored?.value.createdAt ?? now,
      updatedAt: now,
    };
  }

  async #refuseIfAssociated(uid: Uid): Promise<void> {
    const { associations, rules, ruledPairs } = this.#options;
    await Promise.all([associations.caughtUp(), rules.caughtUp(), ruledPairs.caughtUp()]);
    const [rule, ...more] = rules.ofDestination(uid);
    if (rule !== undefined) {
      const names = [rule, ...more].map(({ name }) => name).join(", ");
      throw badRequest(
        `store cannot be deleted because it has rules: delete ${names} first, or use purge=true`,
      );
    }
    // What a rule made has no tombstone: its destination has to stay until it is unsynced.
    const count = associations.activeCount(uid) + ruledPairs.leftOf(uid).length;
    if (count === 0) return;
    throw badRequest(
      `store cannot be deleted because it is still managing ${count} associated secret${count === 1 ? "" : "s"}: ` +
        "remove the associations first, or delete with purge=true to unsync and remove them",
    );
  }

  async #change(
    identity: DestinationIdentity,
    stored: Entry<DestinationRecord>,
    state: DestinationRecord["state"],
  ): Promise<Entry<DestinationRecord>> {
    const { table, clock, events } = this.#options;
    const value = { ...stored.value, state, updatedAt: new Date(clock.now()).toISOString() };
    const result = await table.put(destinationKey(identity), value, stored.sequence);
    if (result.kind === "stored") return { value, sequence: result.sequence, time: clock.now() };
    events.casLost("destination");
    throw new KeyferryError("conflict", "Somebody else changed this destination at the same moment");
  }

  // First its new place, then the old one away: a crash in between leaves it in both, and both say `retired`.
  async #moveToRetired(identity: DestinationIdentity, retired: Entry<DestinationRecord>): Promise<void> {
    const { table } = this.#options;
    await table.put(retiredDestinationKey(retired.value.uid), retired.value, 0);
    await table.delete(destinationKey(identity), retired.sequence);
  }
}
