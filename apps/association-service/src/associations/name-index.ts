// Owns: which association has which external name of which vault, as far as this process knows, so that a set that could
// never be written is refused at once. Does not own who may write a name: the sink decides that under the name's lock, and
// whoever comes second there waits (name-taken). Names are compared as Key Vault does, without regard to case.

import type { AssociationRecord, DestinationRecord, SyncRecord, SyncSpec, Uid } from "@keyferry/contracts";
import {
  checkVaultUri,
  compileTemplate,
  nameVariables,
  type NameTemplate,
  normaliseName,
  renderName,
} from "@keyferry/naming";
import type { DestinationIndex } from "../destinations/destination-index.ts";
import type { TableView } from "../ports.ts";
import type { AssociationRow } from "./association-index.ts";
import type { EffectiveAssociations } from "./effective-associations.ts";

export interface NameIndexOptions {
  /** Those that rules make, too. */
  readonly associations: Pick<EffectiveAssociations, "all" | "get" | "ofDestination" | "onChange">;
  readonly destinations: Pick<DestinationIndex, "byUid">;
  readonly results: Pick<TableView<SyncRecord>, "get" | "onChange">;
}

/** Who has a name that somebody else asks for. */
export interface NameHolder {
  readonly name: string;
  readonly association: AssociationRecord;
  readonly destination: DestinationRecord;
  /** The rule that makes it; absent: somebody set it. */
  readonly rule?: string | undefined;
}

// Templates of destinations, 500 at most, and of associations that were pinned to earlier ones.
const TEMPLATES_MAX = 2_000;

export class NameIndex {
  readonly #options: NameIndexOptions;
  /** Names of a vault, `<host>/<lower-case name>`, by association. */
  readonly #placesOf = new Map<string, readonly string[]>();
  readonly #holders = new Map<string, readonly string[]>();
  readonly #templates = new Map<string, NameTemplate | undefined>();

  constructor(options: NameIndexOptions) {
    this.#options = options;
    const { associations, results } = options;
    for (const { key } of associations.all()) this.#look(key);
    associations.onChange((change) => {
      if ("key" in change) this.#look(change.key);
      else this.#lookAtDestination(change.destination);
    });
    results.onChange((key) => {
      if (associations.get(key)?.entry.value.spec.granularity === "secret-key") this.#look(key);
    });
  }

  /**
   * Another active association that has the name which this one would get. Under secret-key the names are known only when
   * its keys have been read, so there is no answer.
   */
  holderOf(
    destination: DestinationRecord,
    wanted: Pick<AssociationRecord, "secret" | "secretKey">,
  ): NameHolder | undefined {
    const { associations, destinations } = this.#options;
    const name = this.#nameOf(destination, wanted.secret, destination.spec);
    const host = hostOf(destination);
    if (name === undefined || host === undefined) return undefined;
    const own = `${destination.uid}.${wanted.secretKey}`;
    for (const key of this.#holders.get(placeOf(host, name)) ?? []) {
      const row = associations.get(key);
      const association = row?.entry.value;
      const holder = association && destinations.byUid(association.destination)?.entry.value;
      if (key === own || association === undefined || holder === undefined) continue;
      return { name, association, destination: holder, rule: row?.rule };
    }
    return undefined;
  }

  // It or its rules have changed: what it has now, and what it had (of a rule that is gone).
  #lookAtDestination(uid: Uid): void {
    const keys = new Set(this.#options.associations.ofDestination(uid).map(({ key }) => key));
    for (const key of this.#placesOf.keys()) if (key.startsWith(`${uid}.`)) keys.add(key);
    for (const key of keys) this.#look(key);
  }

  #look(key: string): void {
    const row = this.#options.associations.get(key);
    const places = row === undefined ? [] : this.#places(row);
    for (const place of this.#placesOf.get(key) ?? []) {
      const others = (this.#holders.get(place) ?? []).filter((holder) => holder !== key);
      if (others.length === 0) this.#holders.delete(place);
      else this.#holders.set(place, others);
    }
    if (places.length === 0) this.#placesOf.delete(key);
    else this.#placesOf.set(key, places);
    for (const place of places) this.#holders.set(place, [...(this.#holders.get(place) ?? []), key]);
  }

  #places({ key, entry }: AssociationRow): readonly string[] {
    const { value: association } = entry;
    const destination = this.#options.destinations.byUid(association.destination)?.entry.value;
    if (association.state !== "active" || destination === undefined) return [];
    const host = hostOf(destination);
    if (host === undefined) return [];
    if (association.spec.granularity === "secret-key") {
      const names = this.#options.results.get(key)?.value.names ?? {};
      const live = Object.values(names).filter(({ state }) => state === "live");
      return live.map(({ name }) => placeOf(host, name));
    }
    const name = this.#nameOf(destination, association.secret, association.spec);
    return name === undefined ? [] : [placeOf(host, name)];
  }

  #nameOf(
    destination: DestinationRecord,
    secret: AssociationRecord["secret"],
    { granularity, nameTemplate, byRule }: SyncSpec,
  ): string | undefined {
    if (granularity === "secret-key") return undefined;
    const template = this.#compiled(nameTemplate);
    if (template === undefined) return undefined;
    const raw = renderName(template, nameVariables({ destination, secret }));
    const normal = raw.kind === "ok" ? normaliseName(raw.name, { hashWhenAltered: byRule }) : undefined;
    return normal?.kind === "ok" ? normal.name : undefined;
  }

  #compiled(text: string): NameTemplate | undefined {
    if (!this.#templates.has(text)) {
      const compiled = compileTemplate(text, { granularity: "secret-path" });
      if (this.#templates.size >= TEMPLATES_MAX) this.#templates.clear();
      this.#templates.set(text, compiled.kind === "ok" ? compiled.template : undefined);
    }
    return this.#templates.get(text);
  }
}

function hostOf({ connection }: DestinationRecord): string | undefined {
  const check = checkVaultUri(connection.keyVaultUri, connection.cloud);
  return check.kind === "ok" ? check.vaultHost : undefined;
}

function placeOf(host: string, name: string): string {
  return `${host}/${name.toLowerCase()}`;
}
