// Owns: the associations as this process sees them, by secret, by destination and by path. Does not own what is true:
// whoever decides reads the leader. Invariant: after caughtUp() it holds everything that was written before the call.

import type { AssociationRecord, SecretKey, Uid } from "@keyferry/contracts";
import type { Entry, TableView } from "../ports.ts";

/** A row of the index: the bucket's key and the record. */
export interface AssociationRow {
  readonly key: string;
  readonly entry: Entry<AssociationRecord>;
  /** Name of the rule that makes it; absent: it is stored. */
  readonly rule?: string;
}

export class AssociationIndex {
  readonly #view: TableView<AssociationRecord>;
  readonly #rows = new Map<string, AssociationRow>();
  readonly #bySecret = new Map<SecretKey, Set<string>>();
  readonly #byDestination = new Map<Uid, Set<string>>();
  readonly #byPath = new Map<string, Set<string>>();
  readonly #byMount = new Map<string, Set<string>>();
  readonly #active = new Map<Uid, number>();

  constructor(view: TableView<AssociationRecord>) {
    this.#view = view;
    for (const [key, entry] of view.entries()) this.#put(key, entry);
    view.onChange((key, entry) => this.#put(key, entry));
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Calls `listener` with the key of each association that changes from now on, after this index has it. */
  onChange(listener: (key: string) => void): void {
    this.#view.onChange((key) => listener(key));
  }

  /** Resolves once everything that was written before this call is in the index (O17). */
  caughtUp(signal?: AbortSignal): Promise<void> {
    return this.#view.caughtUp(signal);
  }

  /** Resolves once the write with this sequence, and all before it, are in the index. */
  reached(sequence: number, signal?: AbortSignal): Promise<void> {
    return this.#view.reached(sequence, signal);
  }

  get(key: string): AssociationRow | undefined {
    return this.#rows.get(key);
  }

  all(): IterableIterator<AssociationRow> {
    return this.#rows.values();
  }

  /** Every association, tombstones too, of a secret. */
  ofSecret(key: SecretKey): readonly AssociationRow[] {
    return this.#pick(this.#bySecret.get(key));
  }

  /** Every association, tombstones too, of a destination. */
  ofDestination(uid: Uid): readonly AssociationRow[] {
    return this.#pick(this.#byDestination.get(uid));
  }

  /** Every association, tombstones too, of a path, whatever the accessor of its mount is or was. */
  ofPath(namespace: string, mount: string, path: string): readonly AssociationRow[] {
    return this.#pick(this.#byPath.get(pathKey(namespace, mount, path)));
  }

  /** True if anything of this mount's path is associated. */
  hasMount(mount: string): boolean {
    return this.#byMount.has(mount);
  }

  /** How many active associations a destination has. */
  activeCount(uid: Uid): number {
    return this.#active.get(uid) ?? 0;
  }

  #pick(keys: Set<string> | undefined): AssociationRow[] {
    const rows: AssociationRow[] = [];
    for (const key of keys ?? []) {
      const row = this.#rows.get(key);
      if (row !== undefined) rows.push(row);
    }
    return rows;
  }

  #put(key: string, entry: Entry<AssociationRecord> | undefined): void {
    const before = this.#rows.get(key);
    if (before !== undefined) this.#index(before, "remove");
    if (entry === undefined) {
      this.#rows.delete(key);
      return;
    }
    const row = { key, entry };
    this.#rows.set(key, row);
    this.#index(row, "add");
  }

  #index({ key, entry: { value } }: AssociationRow, what: "add" | "remove"): void {
    const { namespace, mount, path } = value.secret;
    change(this.#bySecret, value.secretKey, key, what);
    change(this.#byDestination, value.destination, key, what);
    change(this.#byPath, pathKey(namespace, mount, path), key, what);
    change(this.#byMount, mount, key, what);
    // One that is on its way to another key is there, too.
    if (value.state !== "active" && value.state !== "moved") return;
    const count = this.activeCount(value.destination) + (what === "add" ? 1 : -1);
    if (count === 0) this.#active.delete(value.destination);
    else this.#active.set(value.destination, count);
  }
}

// Control characters are refused in paths, so no two triples give one key.
function pathKey(namespace: string, mount: string, path: string): string {
  return `${namespace}\u0000${mount}\u0000${path}`;
}

function change(index: Map<string, Set<string>>, by: string, key: string, what: "add" | "remove"): void {
  const keys = index.get(by);
  if (what === "add") {
    if (keys === undefined) index.set(by, new Set([key]));
    else keys.add(key);
    return;
  }
  keys?.delete(key);
  if (keys?.size === 0) index.delete(by);
}
