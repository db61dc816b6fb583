// What the association-service needs of the world, declared by its consumer (style: ports belong to the consumer).
// The adapters (@keyferry/bus, @keyferry/vault-client) satisfy these by their shape; only service.ts names them. The
// same code runs on a virtual clock and an in-memory bus in the simulator.

import type {
  ApprovalRecord,
  AssociationRecord,
  CheckFinding,
  ConnectionCheckRequest,
  DeleteBudget,
  DestinationRecord,
  EpochRecord,
  Hint,
  InstanceRecord,
  Lane,
  PausesRecord,
  RuleRecord,
  SecretKey,
  SourceConfirmation,
  SyncCommand,
  SyncRecord,
  Uid,
  VersionEvent,
} from "@keyferry/contracts";
import type { SecretValue } from "@keyferry/ports";

/** A stored value with its place in the stream: the token of the next compare-and-set. */
export interface Entry<T> {
  readonly value: T;
  readonly sequence: number;
  /** JetStream's time, milliseconds since 1970. */
  readonly time: number;
}

export type CommandEntry = Entry<SyncCommand> & { readonly lane: Lane };

/** `lost`: somebody else wrote first; read everything again and decide again. */
export type PublishResult =
  | { readonly kind: "stored"; readonly sequence: number }
  | { readonly kind: "lost" };

export type Decision = { readonly kind: "ack" } | { readonly kind: "retry"; readonly afterMs: number };

export type Handler<M> = (
  message: M,
  context: { readonly signal: AbortSignal; readonly deliveryCount: number },
) => Promise<Decision>;

export interface Consumption {
  close(): Promise<void>;
}

export interface ConsumeOptions {
  readonly concurrency: number;
}

/** An in-memory copy of a table that follows its stream. */
export interface TableView<T> {
  get(key: string): Entry<T> | undefined;
  entries(): IterableIterator<[string, Entry<T>]>;
  readonly size: number;
  /** Resolves once the view has reached the stream's last sequence of this moment (O17). */
  caughtUp(signal?: AbortSignal): Promise<void>;
  /** Resolves once the view holds every row up to this sequence of the stream. */
  reached(sequence: number, signal?: AbortSignal): Promise<void>;
  onChange(listener: (key: string, entry: Entry<T> | undefined) => void): () => void;
  close(): Promise<void>;
}

export interface Table<T> {
  /** A leader read. */
  get(key: string): Promise<Entry<T> | undefined>;
  put(key: string, value: T, expectedRevision: number): Promise<PublishResult>;
  delete(key: string, expectedRevision: number): Promise<PublishResult>;
}

export interface FollowedTable<T> extends Table<T> {
  watch(signal: AbortSignal): Promise<TableView<T>>;
  consume(
    durable: string,
    handler: Handler<{
      readonly key: string;
      readonly entry: Entry<T> | undefined;
      readonly revision: number;
    }>,
    options: ConsumeOptions,
  ): Promise<Consumption>;
}

/** KV2_EVENTS: what the detector saw of each secret. */
export interface Events {
  last(source: string, key: SecretKey): Promise<Entry<VersionEvent> | undefined>;
  /** A view, by `<k>`, of what `pick` keeps of each secret's last event. */
  watch<T>(source: string, pick: (event: VersionEvent) => T, signal: AbortSignal): Promise<TableView<T>>;
  consume(
    handler: Handler<{
      readonly source: string;
      readonly key: SecretKey;
      readonly entry: Entry<VersionEvent>;
    }>,
    options: ConsumeOptions,
  ): Promise<Consumption>;
}

/** A table whose deleted keys still have a revision. */
export interface RevisionedTable<T> extends FollowedTable<T> {
  /** A leader read; of a deleted key the revision of its deletion, 0 if there never was one. */
  read(key: string): Promise<{ readonly entry: Entry<T> | undefined; readonly revision: number }>;
}

/** SYNC_DESIRED: one command per (destination, secret), compare-and-set over both lanes. */
export interface Commands {
  last(destination: Uid, key: SecretKey): Promise<CommandEntry | undefined>;
  put(
    destination: Uid,
    key: SecretKey,
    lane: Lane,
    command: SyncCommand,
    expectedSequence: number,
  ): Promise<PublishResult>;
  watch(signal: AbortSignal): Promise<TableView<SyncCommand & { readonly lane: Lane }>>;
  /** Removes the pair's commands. Only for what is dead: views are not told. */
  purge(destination: Uid, key: SecretKey): Promise<void>;
  ensureConsumers(destination: Uid): Promise<void>;
  dropConsumers(destination: Uid): Promise<void>;
  /**
   * `floor`: every command of the lane at or below this sequence was acked. `waiting`: how many nobody has taken yet;
   * `unacked`: how many were taken and not answered.
   */
  progress(
    destination: Uid,
    lane: Lane,
  ): Promise<{ readonly floor: number; readonly waiting: number; readonly unacked: number }>;
}

/** SYNC_RESULTS: the whole record of one (destination, secret). */
export interface Results {
  append(
    destination: Uid,
    key: SecretKey,
    record: SyncRecord,
    expectedSequence: number,
  ): Promise<PublishResult>;
  /** Removes the pair's records. Only for what has been carried on elsewhere: views are not told. */
  purge(destination: Uid, key: SecretKey): Promise<void>;
  last(destination: Uid, key: SecretKey): Promise<Entry<SyncRecord> | undefined>;
  watch(signal: AbortSignal): Promise<TableView<SyncRecord>>;
  consume(
    handler: Handler<{
      readonly destination: Uid;
      readonly key: SecretKey;
      readonly entry: Entry<SyncRecord>;
    }>,
    options: ConsumeOptions,
  ): Promise<Consumption>;
}

/** Asks a sink whether a connection works. */
export interface ConnectionChecks {
  /** Undefined: no sink answered in time. */
  ask(request: ConnectionCheckRequest): Promise<readonly CheckFinding[] | undefined>;
}

/** All of NATS as this service sees it. */
export interface BusPort {
  readonly events: Events;
  readonly commands: Commands;
  readonly results: Results;
  readonly hints: { publish(source: string, hint: Hint): void };
  readonly connectionChecks: ConnectionChecks;
  readonly destinations: FollowedTable<DestinationRecord>;
  readonly associations: RevisionedTable<AssociationRecord>;
  readonly rules: FollowedTable<RuleRecord>;
  readonly approvals: Table<ApprovalRecord>;
  readonly sourceConfirmations: Pick<FollowedTable<SourceConfirmation>, "watch">;
  readonly pauses: Table<PausesRecord> & Pick<FollowedTable<PausesRecord>, "watch">;
  readonly instance: Table<InstanceRecord>;
  readonly epochs: Table<EpochRecord>;
  readonly budgets: Table<DeleteBudget>;
  provision(): Promise<void>;
  /** Makes the resolvers' durables anew (O3); who consumes goes on by itself. */
  renewConsumers(): Promise<void>;
  ready(signal: AbortSignal): Promise<void>;
  status(): { readonly connected: boolean; readonly provisioned: boolean; readonly why?: string };
  streamInfo(): Promise<Record<string, { readonly created: string; readonly lastSequence: number }>>;
  close(): Promise<void>;
}

/** A mount of the source. */
export interface MountFound {
  readonly namespace: string;
  readonly path: string;
  readonly accessor: string;
  readonly type: string;
  /** Undefined: not a KV engine. */
  readonly kvVersion: 1 | 2 | undefined;
}

/** The source as this service sees it. Errors are KeyferryErrors without tokens or bodies. */
export interface SourcePort {
  health(signal?: AbortSignal): Promise<{ readonly sealed: boolean; readonly initialized: boolean }>;
  /** Asked with the caller's own token. `refused`: it is unknown, has expired, or may not ask, in that namespace. */
  capabilitiesSelf(
    caller: SecretValue,
    paths: readonly string[],
    namespace?: string,
    signal?: AbortSignal,
  ): Promise<
    | { readonly kind: "granted"; readonly capabilities: ReadonlyMap<string, readonly string[]> }
    | { readonly kind: "refused" }
    | { readonly kind: "namespace-missing" }
  >;
  mountOf(
    at: { readonly namespace: string; readonly path: string },
    signal?: AbortSignal,
  ): Promise<{ readonly kind: "mounted"; readonly mount: MountFound } | { readonly kind: "missing" }>;
  listKv2Mounts(namespace: string, signal?: AbortSignal): Promise<readonly MountFound[]>;
  readMetadata(
    secret: SecretAddress,
    signal?: AbortSignal,
  ): Promise<
    { readonly kind: "present"; readonly state: { readonly current: number } } | { readonly kind: "absent" }
  >;
  ensureOwnMount(name: string, signal?: AbortSignal): Promise<MountFound>;
  putSecret(
    secret: SecretAddress,
    data: Readonly<Record<string, SecretValue>>,
    cas?: number,
    signal?: AbortSignal,
  ): Promise<{ readonly kind: "stored"; readonly version: number } | { readonly kind: "conflict" }>;
  readSecret(
    secret: SecretAddress,
    version?: number,
    signal?: AbortSignal,
  ): Promise<
    | {
        readonly kind: "live";
        readonly version: number;
        readonly data: ReadonlyMap<string, SecretValue>;
      }
    | { readonly kind: "dead" }
    | { readonly kind: "absent" }
  >;
  keepVersions(secret: SecretAddress, count: number, signal?: AbortSignal): Promise<void>;
  destroyVersion(secret: SecretAddress, version: number, signal?: AbortSignal): Promise<void>;
  deleteMetadata(secret: SecretAddress, signal?: AbortSignal): Promise<void>;
}

export interface SecretAddress {
  readonly namespace: string;
  readonly mount: string;
  readonly path: string;
}
