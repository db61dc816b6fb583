// Owns: associations as the API shows them, with their derived status (reference: sections 1.6 to 1.8). Reads views that
// have caught up, so that what was answered as written is seen by every later read (hazard set-then-read-elsewhere).

import type { DestinationRecord, SyncCommand, SyncRecord } from "@keyferry/contracts";
import type { DestinationIndex } from "../destinations/destination-index.ts";
import type { Entry, TableView } from "../ports.ts";
import { deriveStatus } from "../status/status.ts";
import type { AssociationIndex, AssociationRow } from "./association-index.ts";
import { DestinationRows, type RenderedRow } from "./destination-rows.ts";

type Data = Readonly<Record<string, unknown>>;

export interface AssociationReaderOptions {
  readonly associations: AssociationIndex;
  readonly destinations: DestinationIndex;
  readonly commands: Pick<TableView<SyncCommand>, "get" | "caughtUp" | "onChange">;
  readonly results: Pick<TableView<SyncRecord>, "get" | "caughtUp" | "onChange">;
}

export class AssociationReader {
  readonly #options: AssociationReaderOptions;
  readonly #rows: DestinationRows;

  constructor(options: AssociationReaderOptions) {
    this.#options = options;
    const { associations, commands, results } = options;
    this.#rows = new DestinationRows({
      ofDestination: (uid) => associations.ofDestination(uid),
      get: (key) => associations.get(key),
      render: (row) => (isActive(row) ? this.#row(row) : undefined),
    });
    for (const table of [associations, commands, results]) {
      table.onChange((key: string) => this.#rows.changed(key));
    }
  }

  /** Resolves when every view holds what was written before this call. */
  async caughtUp(signal?: AbortSignal): Promise<void> {
    const { associations, destinations, commands, results } = this.#options;
    await Promise.all([associations, destinations, commands, results].map((view) => view.caughtUp(signal)));
  }

  /** `…/destinations/:type/:name/associations`, and what set and remove answer: all rows of the destination, as pieces of JSON. */
  ofDestination({ uid, name, type }: Pick<DestinationRecord, "uid" | "name" | "type">): readonly Buffer[] {
    const head = JSON.stringify({ store_name: name, store_type: type }).slice(0, -1);
    return [Buffer.from(`${head},"associated_secrets":`), ...this.#rows.piecesOf(uid), Buffer.from("}")];
  }

  /** `LIST sys/sync/associations`; undefined if there are none. */
  list(namespace: string): Data | undefined {
    const { associations } = this.#options;
    const info = new Map<string, Data[]>();
    let total = 0;
    for (const row of associations.all()) {
      const { secret } = row.entry.value;
      if (!isActive(row) || !this.#isIn(namespace, row)) continue;
      total += 1;
      const key = `${secret.mount}/${secret.path}`;
      // One entry per secret, however many destinations it has: the key names it already.
      if (!info.has(key)) info.set(key, [{ mount: `${secret.mount}/`, secret_path: secret.path }]);
    }
    if (total === 0) return undefined;
    const keys = [...info.keys()].sort();
    return {
      key_info: Object.fromEntries(keys.map((key) => [key, info.get(key)])),
      keys,
      total_associations: total,
      total_secrets: keys.length,
    };
  }

  /** `sys/sync/associations/destinations`; undefined if the secret has none. */
  destinationsOf(namespace: string, mount: string, path: string): Data | undefined {
    const entries: [string, Data][] = [];
    for (const row of this.#options.associations.ofPath(namespace, mount, path)) {
      const destination = this.#destinationOf(row);
      if (!isActive(row) || destination === undefined) continue;
      const { type, name } = destination;
      const { sync_status, updated_at, ...extra } = this.#statusFields(row);
      entries.push([`${type}/${name}`, { type, name, sync_status, updated_at, ...extra }]);
    }
    if (entries.length === 0) return undefined;
    return { associated_destinations: Object.fromEntries(entries.sort(([a], [b]) => compare(a, b))) };
  }

  #row(row: AssociationRow): RenderedRow {
    const { secret } = row.entry.value;
    const { sync_status, updated_at, ...extra } = this.#statusFields(row);
    const fields = {
      accessor: secret.accessor,
      secret_name: secret.path,
      // Terraform's test expects an empty sub_key under secret-path (reference: association fields).
      sub_key: "",
      sync_status,
      updated_at,
      mount: secret.mount,
      ...extra,
    };
    return { path: secret.path, accessor: secret.accessor, fields };
  }

  #statusFields({ key, entry }: AssociationRow) {
    const { commands, results } = this.#options;
    const command: Entry<SyncCommand> | undefined = commands.get(key);
    const status = deriveStatus(entry.value, command, results.get(key)?.value);
    return {
      sync_status: status.status,
      updated_at: status.since,
      // Ours: why, since when, what to do (P7). Vault's clients ignore fields that they don't know.
      reason: status.reason,
      since: status.since,
      ...(status.nextStep === "" ? {} : { next_step: status.nextStep }),
      ...(status.externalNames[0] === undefined ? {} : { external_name: status.externalNames[0] }),
      ...(status.externalNames.length < 2 ? {} : { external_names: status.externalNames }),
      ...(status.version === undefined ? {} : { version: status.version }),
    };
  }

  #isIn(namespace: string, row: AssociationRow): boolean {
    return this.#destinationOf(row)?.namespace === namespace;
  }

  #destinationOf({ entry }: AssociationRow): DestinationRecord | undefined {
    const destination = this.#options.destinations.byUid(entry.value.destination)?.entry.value;
    return destination?.state === "retired" ? undefined : destination;
  }
}

function isActive({ entry }: AssociationRow): boolean {
  return entry.value.state === "active";
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
