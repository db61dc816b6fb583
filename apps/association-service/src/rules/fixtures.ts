// A table in memory that is its own view, for the unit tests of this folder: writes show at once.

import {
  type AssociationRecord,
  type DestinationRecord,
  fingerprintOf,
  type RuleRecord,
  type SecretState,
  type VersionEvent,
} from "@keyferry/contracts";
import { ruleUidOf, secretKeyOf } from "@keyferry/naming";
import { silentLogger, systemClock } from "@keyferry/ports";
import { createMetrics } from "@keyferry/service";
import { AssociationIndex } from "../associations/association-index.ts";
import { AssociationWriter } from "../associations/association-writer.ts";
import { EffectiveAssociations } from "../associations/effective-associations.ts";
import { DestinationIndex } from "../destinations/destination-index.ts";
import { destinationKey } from "../destinations/destination-key.ts";
import { createEvents } from "../events.ts";
import type { Entry, PublishResult, RevisionedTable, TableView } from "../ports.ts";
import { DESTINATION } from "../resolve/fixtures.ts";
import { type KnownSecret, KnownSecrets, RowMaker } from "./known-secrets.ts";
import { RuleBook } from "./rule-book.ts";

export class MemoryTable<T> implements RevisionedTable<T> {
  readonly #rows = new Map<string, Entry<T>>();
  readonly #revisions = new Map<string, number>();
  readonly #listeners = new Set<(key: string, entry: Entry<T> | undefined) => void>();
  #sequence = 0;

  readonly view: TableView<T> = {
    size: 0,
    get: (key) => this.#rows.get(key),
    entries: () => this.#rows.entries(),
    onChange: (listener) => {
      this.#listeners.add(listener);
      return () => this.#listeners.delete(listener);
    },
    caughtUp: async () => undefined,
    reached: async () => undefined,
    close: async () => undefined,
  };

  async get(key: string): Promise<Entry<T> | undefined> {
    return this.#rows.get(key);
  }

  async read(key: string): Promise<{ entry: Entry<T> | undefined; revision: number }> {
    return { entry: this.#rows.get(key), revision: this.#revisions.get(key) ?? 0 };
  }

  async put(key: string, value: T, expected: number): Promise<PublishResult> {
    if ((this.#rows.get(key)?.sequence ?? 0) !== expected) return { kind: "lost" };
    this.force(key, value);
    return { kind: "stored", sequence: this.#sequence };
  }

  async delete(key: string, expected: number): Promise<PublishResult> {
    if ((this.#rows.get(key)?.sequence ?? 0) !== expected) return { kind: "lost" };
    this.force(key, undefined);
    return { kind: "stored", sequence: this.#sequence };
  }

  async watch(): Promise<TableView<T>> {
    return this.view;
  }

  consume(): never {
    throw new Error("nobody consumes in memory");
  }

  /** Writes without any check; undefined deletes. */
  force(key: string, value: T | undefined): void {
    this.#sequence += 1;
    this.#revisions.set(key, this.#sequence);
    const entry = value === undefined ? undefined : { value, sequence: this.#sequence, time: 0 };
    if (entry === undefined) this.#rows.delete(key);
    else this.#rows.set(key, entry);
    for (const listener of this.#listeners) listener(key, entry);
  }
}

const IDENTITY = { namespace: "", type: "azure-kv", name: DESTINATION.name } as const;
const IDENTITY_KEY = destinationKey(IDENTITY);
export const SECRET_KEY_KEY = Buffer.alloc(32, 7);
export const ACCESSOR = "kv_1";

export const RULE: RuleRecord = {
  major: 1,
  uid: ruleUidOf(DESTINATION.uid, "r"),
  namespace: "",
  name: "r",
  destination: DESTINATION.uid,
  state: "active",
  match: { mounts: ["kv"], paths: [], customMetadata: {} },
  spec: { granularity: "secret-path", nameTemplate: "{{ .SecretPath }}", customTags: {} },
  createdAt: "2026-01-01T00:00:00.000Z",
  updatedAt: "2026-01-01T00:00:00.000Z",
};

export function rule(name: string, fields: Partial<RuleRecord> = {}): RuleRecord {
  return { ...RULE, name, uid: ruleUidOf(DESTINATION.uid, name), ...fields };
}

export function stateWith(customMetadata: Record<string, string>): SecretState {
  return {
    kind: "present",
    incarnation: "2026-01-01T00:00:00Z",
    current: 1,
    oldest: 0,
    versions: {
      "1": { createdTime: "2026-01-01T00:00:00Z", deletionTime: "", destroyed: false, live: true },
    },
    customMetadata,
    maxVersions: 0,
    casRequired: false,
    deleteVersionAfter: "0s",
  };
}

/** `<k>` of a path. */
export function keyOf(path: string): string {
  return secretKeyOf(SECRET_KEY_KEY, { source: "main", accessor: ACCESSOR, path });
}

/** The service's own parts over tables in memory. */
export function ruledWorld(own = { namespace: "", mount: "keyferry" }) {
  const associations = new MemoryTable<AssociationRecord>();
  const destinations = new MemoryTable<DestinationRecord>();
  const rules = new MemoryTable<RuleRecord>();
  const states = new MemoryTable<KnownSecret>();
  destinations.force(IDENTITY_KEY, DESTINATION);
  const index = new AssociationIndex(associations.view);
  const destinationIndex = new DestinationIndex(destinations.view, destinations);
  const book = new RuleBook(rules.view, own, { has: ({ accessor }) => accessor === "replaced" });
  const rows = new RowMaker();
  const secrets = new KnownSecrets(states.view, rows, SECRET_KEY_KEY);
  const effective = new EffectiveAssociations({
    associations: index,
    destinations: destinationIndex,
    rules: book,
    secrets,
  });
  const metrics = createMetrics({ service: "test", version: "test", processFigures: false });
  const writer = new AssociationWriter({
    table: associations,
    destinations,
    associations: index,
    names: { holderOf: () => undefined },
    effective,
    secrets,
    secretKeyKey: SECRET_KEY_KEY,
    clock: systemClock,
    events: createEvents(silentLogger, metrics),
  });
  return {
    associations,
    destinations,
    rules,
    book,
    secrets,
    effective,
    see(path: string, state: SecretState, mount = "kv") {
      states.force(keyOf(path), rows.rowOf(eventOf(path, state, mount)));
    },
    async set(path: string, mount = "kv") {
      const secret = { source: "main", namespace: "", mount, accessor: ACCESSOR, path };
      const destination = await destinations.get(IDENTITY_KEY);
      if (destination === undefined) throw new Error("there is no destination");
      return writer.set(IDENTITY, destination, secret);
    },
    remove: (path: string, mount = "kv") => writer.remove(DESTINATION, mount, path),
    /** Paths with an active association, sorted, each with the rule that makes it. */
    active() {
      return [...effective.all()]
        .filter(({ entry }) => entry.value.state === "active")
        .map(
          ({ entry, rule: name }) => `${entry.value.secret.path}${name === undefined ? "" : ` by ${name}`}`,
        )
        .sort();
    },
  };
}

export function eventOf(path: string, state: SecretState, mount = "kv"): VersionEvent {
  return {
    major: 1,
    secret: { source: "main", namespace: "", mount, accessor: ACCESSOR, path },
    clusterId: "c",
    state,
    fingerprint: fingerprintOf(state),
    changes: [],
    via: "hint",
    readStartedAt: 0,
  };
}
