// Owns: the small part of every known secret's last state that rules go by: where it is and its custom metadata. A rule
// covers secrets that were there before it, so all of them are kept, at a few hundred bytes each: mounts are shared
// between their secrets, and metadata is kept only where there is some. Does not own what is true: whoever decides reads
// the leader.

import type { SecretKey, SecretRef, VersionEvent } from "@keyferry/contracts";
import { secretKeyOf } from "@keyferry/naming";
import type { TableView } from "../ports.ts";
import type { RuledState } from "./match-rule.ts";

type Mount = Pick<SecretRef, "source" | "namespace" | "mount" | "accessor">;

export interface KnownSecret {
  readonly at: Mount;
  readonly path: string;
  /** What the rules go by. */
  readonly state: RuledState;
}

// Most secrets have no custom metadata: they share this one.
const PLAIN: RuledState = { kind: "present", customMetadata: {} };
const GONE: RuledState = { kind: "gone" };

/** Makes rows of events; one per view, as it shares what is equal. */
export class RowMaker {
  readonly #mounts = new Map<string, Mount>();

  /** Every mount that was ever seen. */
  mounts(): readonly Mount[] {
    return [...this.#mounts.values()];
  }

  rowOf({ secret: { source, namespace, mount, accessor, path }, state }: VersionEvent): KnownSecret {
    const key = `${namespace}\u0000${mount}\u0000${accessor}`;
    let at = this.#mounts.get(key);
    if (at === undefined) {
      at = { source, namespace, mount, accessor };
      this.#mounts.set(key, at);
    }
    if (state.kind === "gone") return { at, path, state: GONE };
    const { customMetadata } = state;
    const isPlain = Object.keys(customMetadata).length === 0;
    return { at, path, state: isPlain ? PLAIN : { kind: "present", customMetadata } };
  }
}

export class KnownSecrets {
  readonly #view: TableView<KnownSecret>;
  readonly #rows: RowMaker;
  readonly #secretKeyKey: Buffer;

  constructor(view: TableView<KnownSecret>, rows: RowMaker, secretKeyKey: Buffer) {
    this.#view = view;
    this.#rows = rows;
    this.#secretKeyKey = secretKeyKey;
  }

  get size(): number {
    return this.#view.size;
  }

  caughtUp(signal?: AbortSignal): Promise<void> {
    return this.#view.caughtUp(signal);
  }

  onChange(listener: (key: SecretKey, secret: KnownSecret | undefined) => void): void {
    this.#view.onChange((key, entry) => listener(key, entry?.value));
  }

  get(key: SecretKey): KnownSecret | undefined {
    return this.#view.get(key)?.value;
  }

  /** Sequence of the event that a row was made of; 0 for none. */
  sequenceOf(key: SecretKey): number {
    return this.#view.get(key)?.sequence ?? 0;
  }

  /** When its last event was published, milliseconds since 1970. */
  timeOf(key: SecretKey): number | undefined {
    return this.#view.get(key)?.time;
  }

  *all(): Generator<[SecretKey, KnownSecret]> {
    for (const [key, { value }] of this.#view.entries()) yield [key, value];
  }

  /** Every key that a path has or had, whatever the accessor of its mount is or was. */
  ofPath(namespace: string, mount: string, path: string): readonly SecretKey[] {
    return this.#rows
      .mounts()
      .filter((at) => at.namespace === namespace && at.mount === mount)
      .map(({ source, accessor }) => secretKeyOf(this.#secretKeyKey, { source, accessor, path }))
      .filter((key) => this.#view.get(key) !== undefined);
  }
}

/** The full reference of a known secret. */
export function refOf({ at, path }: KnownSecret): SecretRef {
  return { ...at, path };
}
