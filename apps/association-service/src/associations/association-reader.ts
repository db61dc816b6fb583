// Owns: associations as the API shows them, with their derived status (reference: sections 1.6 to 1.8). Reads views that
// have caught up, so that what was answered as written is seen by every later read (hazard set-then-read-elsewhere).

import { PAUSES_KEY } from "@keyferry/bus";
import type { DestinationRecord, PausesRecord, SyncCommand, SyncRecord } from "@keyferry/contracts";
import type { DestinationIndex } from "../destinations/destination-index.ts";
import type { Entry, TableView } from "../ports.ts";
import { pauseOf } from "../pauses/pause-of.ts";
import { type AssociationStatus, deriveStatus, type ExternalName } from "../status/status.ts";
import type { AssociationIndex, AssociationRow } from "./association-index.ts";
import type { EffectiveAssociations } from "./effective-associations.ts";
import { DestinationRows, type RenderedRow } from "./destination-rows.ts";

type Data = Readonly<Record<string, unknown>>;

export interface AssociationReaderOptions {
  readonly associations: Pick<AssociationIndex, "reached">;
  readonly effective: EffectiveAssociations;
  readonly destinations: DestinationIndex;
  readonly commands: Pick<TableView<SyncCommand>, "get" | "caughtUp" | "onChange">;
  readonly results: Pick<TableView<SyncRecord>, "get" | "caughtUp" | "onChange">;
  readonly pauses: Pick<TableView<PausesRecord>, "get" | "caughtUp" | "onChange">;
}

export class AssociationReader {
  readonly #options: AssociationReaderOptions;
  readonly #rows: DestinationRows;

  constructor(options: AssociationReaderOptions) {
    this.#options = options;
    const { effective, commands, results, pauses } = options;
    this.#rows = new DestinationRows({
      ofDestination: (uid) => effective.ofDestination(uid),
      get: (key) => effective.get(key),
      render: (row) => (isActive(row) ? this.#row(row) : undefined),
    });
    pauses.onChange(() => this.#rows.allChanged());
    effective.onChange((change) => {
      if ("key" in change) this.#rows.changed(change.key);
      else this.#rows.destinationChanged(change.destination);
    });
    for (const table of [commands, results]) table.onChange((key: string) => this.#rows.changed(key));
  }

  /** Resolves when every view holds what was written before this call. */
  async caughtUp(signal?: AbortSignal): Promise<void> {
    const { effective, commands, results, pauses } = this.#options;
    const views = [effective, commands, results, pauses];
    await Promise.all(views.map((view) => view.caughtUp(signal)));
  }

  /** Resolves when the associations show the write with this sequence: what a set or remove answers with. */
  reached(sequence: number, signal?: AbortSignal): Promise<void> {
    return this.#options.associations.reached(sequence, signal);
  }

  /** `…/destinations/:type/:name/associations`, and what set and remove answer: all rows of the destination, as pieces of JSON. */
  ofDestination({ uid, name, type }: Pick<DestinationRecord, "uid" | "name" | "type">): readonly Buffer[] {
    const head = JSON.stringify({ store_name: name, store_type: type }).slice(0, -1);
    return [Buffer.from(`${head},"associated_secrets":`), ...this.#rows.piecesOf(uid), Buffer.from("}")];
  }

  /** `LIST sys/sync/associations`; undefined if there are none. */
  list(namespace: string): Data | undefined {
    const info = new Map<string, Data[]>();
    let total = 0;
    for (const row of this.#options.effective.all()) {
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
    for (const row of this.#options.effective.ofPath(namespace, mount, path)) {
      const destination = this.#destinationOf(row);
      if (!isActive(row) || destination === undefined) continue;
      const { type, name } = destination;
      const status = this.#statusOf(row);
      const { sync_status, updated_at, ...extra } = statusFields(status, status.names);
      const fields = { type, name, sync_status, updated_at, ...extra, ...ruleField(row) };
      entries.push([`${type}/${name}`, fields]);
    }
    if (entries.length === 0) return undefined;
    return { associated_destinations: Object.fromEntries(entries.sort(([a], [b]) => compare(a, b))) };
  }

  // Under secret-key one row for each key that Key Vault holds, as Vault has them; before the first is written, and
  // after the last has gone, one row for the association itself. So every association has a row at any time.
  #row(row: AssociationRow): RenderedRow {
    const { accessor, path, mount } = row.entry.value.secret;
    const status = this.#statusOf(row);
    const bySubKey = Map.groupBy(status.names, ({ subKey }) => subKey);
    if (bySubKey.size === 0) bySubKey.set("", []);
    const rows = [...bySubKey].map(([subKey, names]) => {
      const { sync_status, updated_at, ...extra } = statusFields(status, names);
      // Terraform's test expects an empty sub_key under secret-path (reference: association fields).
      const where = { accessor, secret_name: path, sub_key: subKey, sync_status, updated_at, mount };
      const fields = { ...where, ...extra, ...ruleField(row) };
      return { key: subKey === "" ? `${accessor}/${path}` : `${accessor}/${path}/${subKey}`, fields };
    });
    return { path, accessor, rows };
  }

  #statusOf({ key, entry }: AssociationRow): AssociationStatus {
    const { commands, results, pauses } = this.#options;
    const command: Entry<SyncCommand> | undefined = commands.get(key);
    const pause = pauseOf(pauses.get(PAUSES_KEY)?.value, entry.value.destination, key);
    return deriveStatus(entry.value, command, results.get(key)?.value, pause);
  }

  #isIn(namespace: string, row: AssociationRow): boolean {
    return this.#destinationOf(row)?.namespace === namespace;
  }

  #destinationOf({ entry }: AssociationRow): DestinationRecord | undefined {
    const destination = this.#options.destinations.byUid(entry.value.destination)?.entry.value;
    return destination?.state === "retired" ? undefined : destination;
  }
}

function statusFields(status: AssociationStatus, names: readonly ExternalName[]) {
  const externalNames = names.map(({ name }) => name).sort();
  const versions = names.flatMap(({ version }) => (version === undefined ? [] : [version]));
  return {
    sync_status: status.status,
    updated_at: status.since,
    // Ours: why, since when, what to do (P7). Vault's clients ignore fields that they don't know.
    reason: status.reason,
    since: status.since,
    ...(status.nextStep === "" ? {} : { next_step: status.nextStep }),
    ...(externalNames[0] === undefined ? {} : { external_name: externalNames[0] }),
    ...(externalNames.length < 2 ? {} : { external_names: externalNames }),
    ...(versions.length === 0 ? {} : { version: Math.max(...versions) }),
  };
}

// Ours: which rule makes it; absent: somebody set it.
function ruleField({ rule }: AssociationRow): { readonly rule?: string } {
  return rule === undefined ? {} : { rule };
}

function isActive({ entry }: AssociationRow): boolean {
  return entry.value.state === "active";
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
