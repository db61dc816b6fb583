// Owns: the destinations as this process sees them, by uid and by name. A name that is free again may have belonged to
// a retired destination with another uid (hazard same-name-other-destination), so the two are never mixed up.

import type { DestinationRecord, Uid } from "@keyferry/contracts";
import { SharedLooks } from "../boot/shared-looks.ts";
import type { Entry, FollowedTable, TableView } from "../ports.ts";
import { destinationKey, type DestinationIdentity, retiredDestinationKey } from "./destination-key.ts";

export interface DestinationRow {
  readonly key: string;
  readonly entry: Entry<DestinationRecord>;
}

export class DestinationIndex {
  readonly #view: TableView<DestinationRecord>;
  readonly #table: Pick<FollowedTable<DestinationRecord>, "get">;
  // A resolver reads the destination of each pair that it looks at: hundreds at once, nearly all of one destination.
  readonly #looks = new SharedLooks<Entry<DestinationRecord> | undefined>();
  readonly #byUid = new Map<Uid, Map<string, Entry<DestinationRecord>>>();

  constructor(view: TableView<DestinationRecord>, table: Pick<FollowedTable<DestinationRecord>, "get">) {
    this.#view = view;
    this.#table = table;
    for (const [key, entry] of view.entries()) this.#put(key, entry);
    view.onChange((key, entry) => this.#put(key, entry));
  }

  /** Resolves once everything that was written before this call is in the index (O17). */
  caughtUp(signal?: AbortSignal): Promise<void> {
    return this.#view.caughtUp(signal);
  }

  /** Calls `listener` with the uid of each destination that changes from now on, after this index has it. */
  onChange(listener: (uid: Uid) => void): void {
    this.#view.onChange((_key, entry) => {
      if (entry !== undefined) listener(entry.value.uid);
    });
  }

  /** The destination of a name that answers to it: not a retired one. */
  byName(identity: DestinationIdentity): DestinationRow | undefined {
    const key = destinationKey(identity);
    const entry = this.#view.get(key);
    return entry === undefined || entry.value.state === "retired" ? undefined : { key, entry };
  }

  /** Every destination of a namespace that answers to its name, by name. */
  inNamespace(namespace: string): readonly DestinationRow[] {
    const rows: DestinationRow[] = [];
    for (const [key, entry] of this.#view.entries()) {
      if (entry.value.namespace === namespace && entry.value.state !== "retired") rows.push({ key, entry });
    }
    return rows.sort((a, b) => (a.entry.value.name < b.entry.value.name ? -1 : 1));
  }

  /** Every destination, retired ones too; while one is being retired it has two rows. */
  all(): readonly DestinationRow[] {
    return [...this.#view.entries()].map(([key, entry]) => ({ key, entry }));
  }

  /** The rows of a uid: one, or two while it moves from its name to its place among the retired, that one first. */
  rowsOf(uid: Uid): readonly DestinationRow[] {
    const retiredKey = retiredDestinationKey(uid);
    return [...(this.#byUid.get(uid) ?? [])]
      .map(([key, entry]) => ({ key, entry }))
      .sort((a) => (a.key === retiredKey ? -1 : 1));
  }

  byUid(uid: Uid): DestinationRow | undefined {
    return this.rowsOf(uid)[0];
  }

  /** The destination of a uid by a leader read. Undefined: there is none, as far as this process can know. */
  async readByUid(uid: Uid): Promise<Entry<DestinationRecord> | undefined> {
    const known = this.byUid(uid);
    for (const key of new Set([known?.key, retiredDestinationKey(uid)])) {
      if (key === undefined) continue;
      const entry = await this.#looks.look(key, () => this.#table.get(key));
      if (entry?.value.uid === uid) return entry;
    }
    return undefined;
  }

  #put(key: string, entry: Entry<DestinationRecord> | undefined): void {
    for (const [uid, rows] of this.#byUid) {
      if (entry?.value.uid === uid || !rows.delete(key)) continue;
      if (rows.size === 0) this.#byUid.delete(uid);
    }
    if (entry === undefined) return;
    const rows = this.#byUid.get(entry.value.uid) ?? new Map<string, Entry<DestinationRecord>>();
    rows.set(key, entry);
    this.#byUid.set(entry.value.uid, rows);
  }
}
