// Owns: what was wished when, by the source's own history and the buckets as they were written: by name in a vault,
// which values it might have held. Does not own: judging what happened (oracle.ts). Shares no code with the services
// but the rendering of names.
import type { AssociationRecord, DestinationRecord } from "@keyferry/contracts";
import { compileTemplate, nameVariables, normaliseName, renderName } from "@keyferry/naming";
import type { ModelMount, ModelSecret, Moment, SourceModel } from "../servers/source.ts";
import { writeOf } from "./canary.ts";

interface Version<T> {
  readonly at: number;
  readonly record: T | undefined;
}

/** An association that gave a name at some time. */
export interface NameGiver {
  readonly association: string;
  readonly destination: string;
  readonly accessor: string;
  readonly path: string;
  /** Under secret-key. */
  readonly subKey: string | undefined;
}

export class Wishes {
  readonly #source: SourceModel;
  readonly #associations = new Map<string, Version<AssociationRecord>[]>();
  readonly #destinations = new Map<string, Version<DestinationRecord>[]>();

  constructor(source: SourceModel) {
    this.#source = source;
  }

  associationWritten(key: string, at: number, record: AssociationRecord | undefined): void {
    append(this.#associations, key, { at, record });
  }

  destinationWritten(key: string, at: number, record: DestinationRecord | undefined): void {
    const uid = record?.uid ?? this.#uidOfKey.get(key);
    if (uid === undefined) return;
    this.#uidOfKey.set(key, uid);
    append(this.#destinations, uid, { at, record });
  }

  readonly #uidOfKey = new Map<string, string>();

  /** Associations as they are now, by key. */
  associations(): [string, AssociationRecord][] {
    return [...this.#associations].flatMap(([key, versions]) => {
      const record = versions.at(-1)?.record;
      return record === undefined ? [] : [[key, record] as [string, AssociationRecord]];
    });
  }

  /** An association as it is now. */
  association(key: string): AssociationRecord | undefined {
    return this.#associations.get(key)?.at(-1)?.record;
  }

  destination(uid: string): DestinationRecord | undefined {
    return this.#destinations.get(uid)?.findLast(({ record }) => record !== undefined)?.record;
  }

  hostOf(uid: string): string | undefined {
    const record = this.destination(uid);
    return record && new URL(record.connection.keyVaultUri).host.toLowerCase();
  }

  /** Whoever gave this name at any time until now, and when. */
  giversOf(host: string, lowerName: string): { giver: NameGiver; from: number; to: number }[] {
    const found: { giver: NameGiver; from: number; to: number }[] = [];
    for (const versions of this.#associations.values()) {
      for (const [index, { at, record }] of versions.entries()) {
        if (record?.state !== "active" || this.hostOf(record.destination) !== host) continue;
        const to = Math.min(
          versions[index + 1]?.at ?? Number.POSITIVE_INFINITY,
          this.#closedAt(record.destination),
        );
        for (const giver of this.giversOfRecord(record)) {
          if (
            nameOf(record, this.destination(record.destination), giver.subKey)?.toLowerCase() === lowerName
          ) {
            found.push({ giver, from: at, to });
          }
        }
      }
    }
    return found;
  }

  /** Whether a secret-path association gave this name when it was last known. */
  isLastNameOf(host: string, name: string): boolean {
    return [...this.#associations.values()].some((versions) => {
      const last = versions.findLast(({ record }) => record !== undefined)?.record;
      if (last === undefined || last.spec.granularity !== "secret-path") return false;
      if (this.hostOf(last.destination) !== host) return false;
      return (
        nameOf(last, this.destination(last.destination), undefined)?.toLowerCase() === name.toLowerCase()
      );
    });
  }

  /** One per name of an association: under secret-key one per key that any version ever had. */
  giversOfRecord({ uid, destination, secret, spec }: AssociationRecord): NameGiver[] {
    const { accessor, path } = secret;
    const common = { association: uid, destination, accessor, path };
    if (spec.granularity === "secret-path") return [{ ...common, subKey: undefined }];
    const keys = new Set<string>();
    for (const { secret: state } of this.momentsOf(accessor, path)) {
      for (const { data } of state?.versions ?? [])
        for (const key of Object.keys(JSON.parse(data) as object)) keys.add(key);
    }
    return [...keys].map((subKey) => ({ ...common, subKey }));
  }

  momentsOf(accessor: string, path: string): readonly Moment[] {
    return this.#source.everMounts.get(accessor)?.mount.secrets.get(path) ?? [];
  }

  mountOf(accessor: string): { path: string; mount: ModelMount } | undefined {
    return this.#source.everMounts.get(accessor);
  }

  /** The write whose value a secret shows at a moment; undefined: it shows none. */
  valueAt(secret: ModelSecret | undefined, at: number, subKey: string | undefined): string | undefined {
    const live = secret?.versions.filter((version) => this.#source.isLive(version, at)) ?? [];
    const latest = live.at(-1);
    if (latest === undefined) return undefined;
    if (subKey === undefined) return latest.data;
    const value = (JSON.parse(latest.data) as Record<string, unknown>)[subKey];
    return typeof value === "string" ? value : undefined;
  }

  writeAt(secret: ModelSecret | undefined, at: number, subKey: string | undefined): number | undefined {
    const value = this.valueAt(secret, at, subKey);
    return value === undefined ? undefined : writeOf(value);
  }

  #closedAt(uid: string): number {
    const versions = this.#destinations.get(uid) ?? [];
    const closed = versions.find(({ record }) => record !== undefined && record.state !== "active");
    return closed?.at ?? Number.POSITIVE_INFINITY;
  }
}

/** The external name of an association; undefined if its template gives none. */
export function nameOf(
  record: AssociationRecord,
  destination: DestinationRecord | undefined,
  subKey: string | undefined,
): string | undefined {
  const { granularity, nameTemplate } = record.spec;
  const compiled = compileTemplate(nameTemplate, { granularity });
  if (compiled.kind === "refused" || destination === undefined) return undefined;
  const variables = nameVariables({ destination, secret: record.secret, secretKey: subKey });
  const raw = renderName(compiled.template, variables);
  const normal = raw.kind === "ok" ? normaliseName(raw.name) : raw;
  return normal.kind === "ok" ? normal.name : undefined;
}

function append<T>(to: Map<string, Version<T>[]>, key: string, version: Version<T>): void {
  const versions = to.get(key);
  if (versions === undefined) to.set(key, [version]);
  else versions.push(version);
}
