// Owns: the one record of what is paused (DESIGN section 9: `disabled`), changed by compare-and-set. The sinks follow it
// and stop by themselves; sets and removes go on to be accepted. Does not own who may pause.
// Invariants: a pause that is there already keeps its time; what no longer exists leaves the record with the next write.

import { PAUSES_KEY } from "@keyferry/bus";
import type { PausesRecord, Uid } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import type { Clock } from "@keyferry/ports";
import type { EffectiveAssociations } from "../associations/effective-associations.ts";
import type { DestinationIndex } from "../destinations/destination-index.ts";
import type { ServiceEvents } from "../events.ts";
import { badRequest } from "../gateway/refusal.ts";
import type { Table } from "../ports.ts";
import { NO_PAUSES, type Pause } from "./pause-of.ts";

/** What is paused or resumed. */
export type PauseScope =
  | { readonly kind: "all" }
  | { readonly kind: "destination"; readonly uid: Uid }
  /** Keys in the bucket `associations`. */
  | { readonly kind: "associations"; readonly keys: readonly string[] };

export interface PauseStoreOptions {
  readonly table: Table<PausesRecord>;
  readonly effective: Pick<EffectiveAssociations, "caughtUp" | "get">;
  readonly destinations: Pick<DestinationIndex, "byUid">;
  readonly clock: Clock;
  readonly events: ServiceEvents;
}

// Two people at the same moment; more in a row is somebody's loop.
const ATTEMPTS_MAX = 5;
// The record is one message, of which NATS takes 1 MB: 2,000 pauses with a reason of 256 characters are 0.7 MB.
const ASSOCIATIONS_MAX = 2_000;
export const REASON_CHARACTERS_MAX = 256;

export class PauseStore {
  readonly #options: PauseStoreOptions;

  constructor(options: PauseStoreOptions) {
    this.#options = options;
  }

  /** What is paused, by a leader read. @throws KeyferryError `bus-*` */
  async read(): Promise<PausesRecord> {
    return (await this.#options.table.get(PAUSES_KEY))?.value ?? NO_PAUSES;
  }

  /**
   * Pauses; sinks stop within seconds. Without `reason` one that is there keeps its own.
   * @throws Refusal 400 for too many single pauses; KeyferryError `conflict`, `bus-*`
   */
  pause(scope: PauseScope, reason?: string): Promise<PausesRecord> {
    const since = new Date(this.#options.clock.now()).toISOString();
    const paused = (before: Pause | null | undefined): Pause =>
      before === null || before === undefined
        ? { since, reason: reason ?? "" }
        : { since: before.since, reason: reason ?? before.reason };
    return this.#change("paused", scope, (record) => {
      switch (scope.kind) {
        case "all":
          return { ...record, all: paused(record.all) };
        case "destination":
          return {
            ...record,
            destinations: { ...record.destinations, [scope.uid]: paused(record.destinations[scope.uid]) },
          };
        case "associations": {
          const more = scope.keys.map((key) => [key, paused(record.associations[key])] as const);
          const associations = { ...record.associations, ...Object.fromEntries(more) };
          if (Object.keys(associations).length <= ASSOCIATIONS_MAX) return { ...record, associations };
          throw badRequest(`more than ${ASSOCIATIONS_MAX} secrets would be paused: pause their destinations`);
        }
      }
    });
  }

  /** Takes exactly this pause away: a wider or narrower one stays. @throws KeyferryError `conflict`, `bus-*` */
  resume(scope: PauseScope): Promise<PausesRecord> {
    return this.#change("resumed", scope, (record) => {
      switch (scope.kind) {
        case "all":
          return { ...record, all: null };
        case "destination":
          return { ...record, destinations: without(record.destinations, [scope.uid]) };
        case "associations":
          return { ...record, associations: without(record.associations, scope.keys) };
      }
    });
  }

  async #change(
    what: "paused" | "resumed",
    scope: PauseScope,
    next: (record: PausesRecord) => PausesRecord,
  ): Promise<PausesRecord> {
    const { table, effective, events } = this.#options;
    await effective.caughtUp();
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const stored = await table.get(PAUSES_KEY);
      const before = stored?.value ?? NO_PAUSES;
      const after = this.#withoutTheDead(next(before));
      if (JSON.stringify(after) === JSON.stringify(before)) return before;
      const result = await table.put(PAUSES_KEY, after, stored?.sequence ?? 0);
      if (result.kind === "stored") {
        events.pauseChanged(what, scope);
        return after;
      }
      events.casLost("pauses");
    }
    throw new KeyferryError("conflict", "Others kept pausing and resuming");
  }

  #withoutTheDead(record: PausesRecord): PausesRecord {
    const { effective, destinations } = this.#options;
    const deadDestinations = Object.keys(record.destinations).filter(
      (uid) => (destinations.byUid(uid)?.entry.value.state ?? "retired") === "retired",
    );
    const deadAssociations = Object.keys(record.associations).filter(
      (key) => effective.get(key) === undefined,
    );
    return {
      ...record,
      destinations: without(record.destinations, deadDestinations),
      associations: without(record.associations, deadAssociations),
    };
  }
}

function without<T>(record: Readonly<Record<string, T>>, keys: readonly string[]): Record<string, T> {
  const dropped = new Set(keys);
  return Object.fromEntries(Object.entries(record).filter(([key]) => !dropped.has(key)));
}
