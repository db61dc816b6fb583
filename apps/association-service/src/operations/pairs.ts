// Owns: the pairs of secret and destination as operating sees them, from the views: which there are, and how each is.
// Does not own what is wished or true: the resolver decides by leader reads.

import type {
  AssociationRecord,
  DestinationRecord,
  SecretKey,
  SyncCommand,
  SyncRecord,
  Uid,
} from "@keyferry/contracts";
import { PAUSES_KEY } from "@keyferry/bus";
import type { AssociationRow } from "../associations/association-index.ts";
import type { FollowedTables } from "../boot/follow-tables.ts";
import { type Pause, pauseOf } from "../pauses/pause-of.ts";
import type { Entry } from "../ports.ts";
import { deriveStatus, type AssociationStatus } from "../status/status.ts";
import type { CommandEntry } from "../ports.ts";

export interface PairView {
  /** `<destination uid>.<k>`. */
  readonly key: string;
  readonly destination: DestinationRecord;
  readonly secretKey: SecretKey;
  readonly association: Entry<AssociationRecord>;
  readonly command: CommandEntry | undefined;
  readonly record: SyncRecord | undefined;
  /** The rule that makes it; undefined: somebody set it. */
  readonly rule: string | undefined;
  readonly pause: Pause | undefined;
}

/** What narrows a selection; each is optional. */
export interface PairFilter {
  readonly destination?: Uid | undefined;
  readonly mount?: string | undefined;
  /** True for the paths that are wanted. */
  readonly path?: ((path: string) => boolean) | undefined;
}

export class Pairs {
  readonly #tables: FollowedTables;

  constructor(tables: FollowedTables) {
    this.#tables = tables;
  }

  /** Resolves when the views hold what was written before this call. */
  caughtUp(signal?: AbortSignal): Promise<void> {
    return this.#tables.caughtUp(signal);
  }

  /** Active pairs of a namespace that the filter lets pass, in no order. */
  *inNamespace(
    namespace: string,
    filter: PairFilter = {},
    states: "active" | "and-removed" = "active",
  ): Generator<PairView> {
    for (const row of this.#tables.effective.all()) {
      const { state } = row.entry.value;
      if (state !== "active" && !(states === "and-removed" && state === "removed")) continue;
      const pair = this.#viewOf(row);
      if (pair !== undefined && pair.destination.namespace === namespace && matches(pair, filter)) yield pair;
    }
  }

  /** Every active pair, of all namespaces, in no order. */
  *all(): Generator<PairView> {
    for (const row of this.#tables.effective.all()) {
      const pair = row.entry.value.state === "active" ? this.#viewOf(row) : undefined;
      if (pair !== undefined) yield pair;
    }
  }

  /** The active pairs of a secret's path, by destination's name. */
  ofPath(namespace: string, mount: string, path: string): readonly PairView[] {
    return this.#tables.effective
      .ofPath(namespace, mount, path)
      .flatMap((row) => this.#viewOf(row) ?? [])
      .sort((a, b) => (a.destination.name < b.destination.name ? -1 : 1));
  }

  /** `mount/path` of a pair, while its association or its record is known. */
  secretOf(key: string): string | undefined {
    const { associations, results } = this.#tables;
    const secret = associations.get(key)?.entry.value.secret ?? results.get(key)?.value.secret;
    return secret === undefined ? undefined : `${secret.mount}/${secret.path}`;
  }

  #viewOf({ key, entry: association, rule }: AssociationRow): PairView | undefined {
    const { destinations, commands, results, pauses } = this.#tables;
    const destination = destinations.byUid(association.value.destination)?.entry.value;
    if (destination === undefined || destination.state === "retired") return undefined;
    const command: Entry<SyncCommand & { lane: CommandEntry["lane"] }> | undefined = commands.get(key);
    return {
      key,
      destination,
      secretKey: association.value.secretKey,
      association,
      command: command === undefined ? undefined : { ...command, lane: command.value.lane },
      record: results.get(key)?.value,
      rule,
      pause: pauseOf(pauses.get(PAUSES_KEY)?.value, destination.uid, key),
    };
  }
}

/** The status that the API shows of a pair. */
export function statusOfPair({ association, command, record, pause }: PairView): AssociationStatus {
  return deriveStatus(association.value, command, record, pause);
}

/** `mount/path`. */
export function secretNameOf({ association }: PairView): string {
  const { mount, path } = association.value.secret;
  return `${mount}/${path}`;
}

function matches(
  { association, destination }: PairView,
  { destination: uid, mount, path }: PairFilter,
): boolean {
  const { secret } = association.value;
  if (uid !== undefined && destination.uid !== uid) return false;
  if (mount !== undefined && secret.mount !== mount) return false;
  return path === undefined || path(secret.path);
}
