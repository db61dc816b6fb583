// Owns: all associations as a reader sees them: those that are stored, and those that rules make of what is known now.
// Does not own what is wished: the resolver evaluates by leader reads.

import type { Uid } from "@keyferry/contracts";
import type { DestinationIndex } from "../destinations/destination-index.ts";
import { type KnownSecret, type KnownSecrets, refOf } from "../rules/known-secrets.ts";
import { madeAssociation } from "../rules/made-association.ts";
import type { Ruling } from "../rules/match-rule.ts";
import type { RuleBook } from "../rules/rule-book.ts";
import type { AssociationIndex, AssociationRow } from "./association-index.ts";

export interface EffectiveAssociationsParts {
  readonly associations: AssociationIndex;
  readonly destinations: DestinationIndex;
  readonly rules: RuleBook;
  readonly secrets: KnownSecrets;
}

export class EffectiveAssociations {
  readonly #parts: EffectiveAssociationsParts;

  constructor(parts: EffectiveAssociationsParts) {
    this.#parts = parts;
  }

  /** Resolves once everything that was written before this call counts (O17). */
  async caughtUp(signal?: AbortSignal): Promise<void> {
    const { associations, destinations, rules, secrets } = this.#parts;
    await Promise.all([associations, destinations, rules, secrets].map((view) => view.caughtUp(signal)));
  }

  /** Calls `listener` with the key of each association that may have changed; without a key: any of a destination. */
  onChange(listener: (change: { readonly key: string } | { readonly destination: Uid }) => void): void {
    const { associations, destinations, rules, secrets } = this.#parts;
    associations.onChange((key) => listener({ key }));
    // What it may have, and whether it is there at all.
    destinations.onChange((destination) => listener({ destination }));
    rules.onChange((destination) => listener({ destination }));
    secrets.onChange((key) => {
      for (const destination of rules.destinations()) listener({ key: `${destination}.${key}` });
    });
  }

  /** A stored association, tombstones too, or else the one that a rule makes. */
  get(key: string): AssociationRow | undefined {
    const { associations, secrets } = this.#parts;
    const stored = associations.get(key);
    if (stored !== undefined) return stored;
    const [destination = "", secretKey = ""] = key.split(".");
    const secret = secrets.get(secretKey);
    return secret === undefined ? undefined : this.#made(destination, secretKey, secret);
  }

  /** The same of a destination. */
  ofDestination(uid: Uid): readonly AssociationRow[] {
    return [...this.#parts.associations.ofDestination(uid), ...this.madeOf(uid)];
  }

  /** Those that rules make for a destination now. */
  *madeOf(uid: Uid): Generator<AssociationRow> {
    const { rules, secrets } = this.#parts;
    if (rules.ofDestination(uid).length === 0) return;
    for (const [secretKey, secret] of secrets.all()) {
      const row = this.#made(uid, secretKey, secret);
      if (row !== undefined) yield row;
    }
  }

  /** Stored and made ones of a path, whatever the accessor of its mount is or was. */
  ofPath(namespace: string, mount: string, path: string): readonly AssociationRow[] {
    const { associations, rules, secrets } = this.#parts;
    const rows = new Map(associations.ofPath(namespace, mount, path).map((row) => [row.key, row]));
    for (const secretKey of secrets.ofPath(namespace, mount, path)) {
      for (const destination of rules.destinationsIn(namespace)) {
        const row = this.get(`${destination}.${secretKey}`);
        if (row !== undefined) rows.set(row.key, row);
      }
    }
    return [...rows.values()];
  }

  /** Every one, tombstones too. */
  *all(): Generator<AssociationRow> {
    const { associations, rules } = this.#parts;
    yield* associations.all();
    for (const destination of rules.destinations()) yield* this.madeOf(destination);
  }

  /** What the rules say of a pair, by what is known here. */
  rulingOn(uid: Uid, secret: KnownSecret): Ruling {
    const { destinations, rules } = this.#parts;
    const { at, path, state } = secret;
    return rules.rulingOn(destinations.byUid(uid)?.entry.value, { ...at, path }, state);
  }

  #made(uid: Uid, secretKey: string, secret: KnownSecret): AssociationRow | undefined {
    const key = `${uid}.${secretKey}`;
    if (this.#parts.associations.get(key) !== undefined) return undefined;
    const ruling = this.rulingOn(uid, secret);
    if (ruling.kind !== "made") return undefined;
    const value = madeAssociation(ruling.rule, { secretKey, secret: refOf(secret) });
    // Sequence 0: it lies in no bucket.
    return { key, entry: { value, sequence: 0, time: Date.parse(value.updatedAt) }, rule: ruling.rule.name };
  }
}
