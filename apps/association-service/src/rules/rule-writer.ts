// Owns: writing and removing rules. It writes KV, nothing more: resolvers are woken by the bucket's messages (hazard
// crash-after-the-kv-write). Does not own who may do that.

import type { DestinationRecord, RuleRecord } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import { ruleUidOf } from "@keyferry/naming";
import type { Clock } from "@keyferry/ports";
import { destinationKey, type DestinationIdentity } from "../destinations/destination-key.ts";
import { PURGE_IN_PROGRESS } from "../destinations/destination-writer.ts";
import type { ServiceEvents } from "../events.ts";
import { absent, badRequest } from "../gateway/refusal.ts";
import type { Entry, FollowedTable, Table } from "../ports.ts";
import { composeRule, type RuleFields } from "./rule-fields.ts";

export interface RuleWriterOptions {
  readonly table: FollowedTable<RuleRecord>;
  readonly destinations: Table<DestinationRecord>;
  /** How many rules a destination has, by a view. */
  readonly countOf: (destination: string) => number;
  readonly clock: Clock;
  readonly events: ServiceEvents;
}

// Two people who write one rule at the same moment; more in a row is somebody's loop.
const ATTEMPTS_MAX = 5;
// Each is tried for each secret, at each change of it.
const RULES_MAX = 100;

export class RuleWriter {
  readonly #options: RuleWriterOptions;

  constructor(options: RuleWriterOptions) {
    this.#options = options;
  }

  /**
   * Creates or updates a rule of a destination.
   * @throws Refusal 400 naming each wrong field, 404 without such a destination or for a PATCH of what is not there
   */
  async write(
    identity: DestinationIdentity,
    name: string,
    { mode, fields }: { readonly mode: "replace" | "merge"; readonly fields: RuleFields },
  ): Promise<Entry<RuleRecord>> {
    const { table, clock, events, countOf } = this.#options;
    const { value: destination } = await this.#activeDestination(identity);
    const uid = ruleUidOf(destination.uid, name);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const stored = await table.get(uid);
      const known = stored?.value.state === "active" ? stored.value : undefined;
      if (known === undefined && mode === "merge") throw absent();
      if (known === undefined && countOf(destination.uid) >= RULES_MAX) {
        throw badRequest(`the destination has ${RULES_MAX} rules: put several globs into one`);
      }
      const now = new Date(clock.now()).toISOString();
      const record: RuleRecord = {
        major: 1,
        uid,
        namespace: destination.namespace,
        name,
        destination: destination.uid,
        state: "active",
        ...composeRule(mode, fields, known, destination),
        // Which of two rules is older decides between them: a change does not make it younger.
        createdAt: known?.createdAt ?? now,
        updatedAt: now,
      };
      const result = await table.put(uid, record, stored?.sequence ?? 0);
      if (result.kind === "lost") {
        events.casLost("rule");
        continue;
      }
      const written = { value: record, sequence: result.sequence, time: clock.now() };
      await this.#stillActive(identity, written);
      events.ruleChanged(known === undefined ? "created" : "updated", {
        name,
        destination: destination.name,
      });
      return written;
    }
    throw new KeyferryError("conflict", "Others kept writing this rule");
  }

  /**
   * Removes a rule; fine if there is none. What it made is unsynced within the delete budget.
   * @returns the sequence of the write; 0 if nothing was written
   */
  async remove(identity: DestinationIdentity, name: string): Promise<number> {
    const { table, clock, events } = this.#options;
    const { value: destination } = await this.#activeDestination(identity);
    const uid = ruleUidOf(destination.uid, name);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const stored = await table.get(uid);
      if (stored?.value.state !== "active") return 0;
      const updatedAt = new Date(clock.now()).toISOString();
      const result = await table.put(uid, { ...stored.value, state: "removed", updatedAt }, stored.sequence);
      if (result.kind === "stored") {
        events.ruleChanged("removed", { name, destination: destination.name });
        return result.sequence;
      }
      events.casLost("rule");
    }
    throw new KeyferryError("conflict", "Others kept writing this rule");
  }

  async #activeDestination(identity: DestinationIdentity): Promise<Entry<DestinationRecord>> {
    const entry = await this.#options.destinations.get(destinationKey(identity));
    if (entry === undefined || entry.value.state === "retired") throw absent();
    if (entry.value.state === "deleting") throw badRequest(PURGE_IN_PROGRESS);
    return entry;
  }

  // As set does: whoever deletes a destination marks it and then looks for rules, we write and then look at its mark.
  async #stillActive(identity: DestinationIdentity, { value, sequence }: Entry<RuleRecord>): Promise<void> {
    try {
      const now = await this.#activeDestination(identity);
      if (now.value.uid !== value.destination) throw absent();
    } catch (error) {
      await this.#options.table.put(value.uid, { ...value, state: "removed" }, sequence);
      throw error;
    }
  }
}
