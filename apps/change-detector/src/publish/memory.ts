// Owns: the last event of every secret, as the log holds it. Does not own: the log, which is the truth: after a lost
// compare-and-set the caller reads it there again. Kept small (a state is held as packed text), as it holds every
// secret of the source.
import type { SecretKey, SecretRef, SecretState, VersionEvent } from "@keyferry/contracts";
import { packState, unpackState } from "./packed-state.ts";

export interface Known {
  readonly ref: SecretRef;
  readonly clusterId: string;
  readonly state: SecretState;
  readonly fingerprint: string;
  readonly sequence: number;
  readonly readStartedAt: number;
  /** When it came into this memory, in the memory's own count. */
  readonly tick: number;
}

const GONE_TEXT = packState({ kind: "gone" });

/**
 * The same text on its own. What was cut out of another or put together of several keeps all of those: a subject for its
 * key, a folder for each path in it.
 */
function alone(text: string): string {
  return Buffer.from(text, "utf8").toString("utf8");
}

interface MemoryRecord extends Omit<Known, "ref" | "state"> {
  readonly mount: Omit<SecretRef, "path">;
  readonly path: string;
  readonly stateText: string;
}

export class Memory {
  readonly #records = new Map<SecretKey, MemoryRecord>();
  readonly #keys = new Map<string, Set<SecretKey>>();
  #cluster: { readonly id: string; readonly sequence: number } | undefined;
  readonly #mounts = new Map<string, Omit<SecretRef, "path">>();
  #onPut: (key: SecretKey, state: SecretState) => void = () => undefined;
  #tick = 0;
  /** Whether everything that the log held at some moment is in it. */
  isLoaded = false;

  /** Tells `listener`, in place of the one before, what is held and then each change. */
  follow(listener: (key: SecretKey, state: SecretState) => void): void {
    this.#onPut = listener;
    for (const [key, { stateText }] of this.#records) listener(key, unpackState(stateText));
  }

  get size(): number {
    return this.#records.size;
  }

  /** Counts changes of this memory. A read that began at a lower count than a record's began before that record. */
  get tick(): number {
    return this.#tick;
  }

  get(key: SecretKey): Known | undefined {
    const record = this.#records.get(key);
    if (record === undefined) return undefined;
    const { mount, path, stateText, ...rest } = record;
    return { ...rest, ref: { ...mount, path }, state: unpackState(stateText) };
  }

  /** The last fingerprint without the cost of the state. */
  fingerprint(key: SecretKey): string | undefined {
    return this.#records.get(key)?.fingerprint;
  }

  put(key: SecretKey, event: VersionEvent, sequence: number): void {
    this.#tick += 1;
    const { secret, state, fingerprint, readStartedAt } = event;
    // One text for all secrets instead of one per event that was read.
    const clusterId = this.#cluster?.id === event.clusterId ? this.#cluster.id : event.clusterId;
    const known = this.#records.get(key);
    const own = known === undefined ? alone(key) : key;
    this.#records.set(own, {
      mount: this.#shared(secret),
      path: known?.path === secret.path ? known.path : alone(secret.path),
      clusterId,
      stateText: packState(state),
      fingerprint: alone(fingerprint),
      sequence,
      readStartedAt,
      tick: this.#tick,
    });
    const keys = this.#keys.get(secret.accessor) ?? new Set();
    this.#keys.set(secret.accessor, keys.add(own));
    if ((this.#cluster?.sequence ?? 0) < sequence) this.#cluster = { id: clusterId, sequence };
    this.#onPut(key, state);
  }

  /** As `put`, unless this or something later is held: a log that is followed shows events twice. */
  putNewer(key: SecretKey, event: VersionEvent, sequence: number): void {
    if ((this.#records.get(key)?.sequence ?? 0) < sequence) this.put(key, event, sequence);
  }

  /**
   * As `put`, unless this very event is held: for whoever does nothing but follow the log. A log that lost its tail gives
   * lower sequences than are held, and they are what is true (hazard tail-lost).
   */
  putAsLogged(key: SecretKey, event: VersionEvent, sequence: number): void {
    const known = this.#records.get(key);
    if (known?.sequence !== sequence || known.fingerprint !== event.fingerprint)
      this.put(key, event, sequence);
  }

  /** The log holds nothing of this secret (any more). */
  forget(key: SecretKey): void {
    const record = this.#records.get(key);
    if (record === undefined) return;
    this.#tick += 1;
    this.#records.delete(key);
    this.#keys.get(record.mount.accessor)?.delete(key);
  }

  keysOf(accessor: string): ReadonlySet<SecretKey> {
    return this.#keys.get(accessor) ?? new Set();
  }

  /** The cluster in which the last event was seen; undefined if there is none. */
  get cluster(): string | undefined {
    return this.#cluster?.id;
  }

  /** Whether this state of this secret, under this path, is what is held. */
  holds(key: SecretKey, fingerprint: string, { namespace, mount }: SecretRef): boolean {
    const record = this.#records.get(key);
    return (
      record?.fingerprint === fingerprint &&
      record.mount.mount === mount &&
      record.mount.namespace === namespace
    );
  }

  /** Another mount that secrets at this path were seen under and are not gone from; undefined if there is none. */
  otherMountAt(at: { namespace: string; mount: string }, accessor: string): string | undefined {
    for (const mount of this.#mounts.values()) {
      const isOther =
        mount.namespace === at.namespace && mount.mount === at.mount && mount.accessor !== accessor;
      if (isOther && this.#hasPresent(mount)) return mount.accessor;
    }
    return undefined;
  }

  #hasPresent(mount: Omit<SecretRef, "path">): boolean {
    for (const key of this.keysOf(mount.accessor)) {
      const record = this.#records.get(key);
      if (record?.mount === mount && record.stateText !== GONE_TEXT) return true;
    }
    return false;
  }

  /** One object per mount instead of one per secret. */
  #shared({ source, namespace, mount, accessor }: SecretRef): Omit<SecretRef, "path"> {
    const id = JSON.stringify([source, namespace, mount, accessor]);
    const known = this.#mounts.get(id);
    if (known !== undefined) return known;
    const made = { source, namespace, mount, accessor };
    this.#mounts.set(id, made);
    return made;
  }
}
