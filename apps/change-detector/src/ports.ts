// What the detector needs of the world. Adapters satisfy these in service.ts; a simulator puts its own in their place
// (and a virtual clock), so nothing else in this app may reach the source or the bus.
import type {
  HeldMount,
  Hint,
  PresentState,
  SecretKey,
  SecretRef,
  SourceReport,
  VersionEvent,
} from "@keyferry/contracts";

/** A mount by its path; `namespace` is absolute, empty for the root. */
export interface MountAddress {
  readonly namespace: string;
  readonly mount: string;
}

export interface SecretAddress extends MountAddress {
  readonly path: string;
}

export type MetadataRead =
  | { readonly kind: "present"; readonly state: PresentState }
  | { readonly kind: "absent" };

/** What stands at a mount's path now. */
export interface MountIdentity {
  readonly namespace: string;
  readonly path: string;
  readonly accessor: string;
  readonly kvVersion: 1 | 2 | undefined;
}

export interface MetadataPage {
  readonly items: readonly { readonly path: string; readonly state: PresentState }[];
  /** Keys that are there but can't be read: seen all the same. */
  readonly unreadable: readonly string[];
  /** Of the same answer as the page before it: it was read when that was read. */
  readonly continues?: boolean;
  /** Where the walk goes on after this page, if it can go on from here. */
  readonly resume?: WalkPosition;
}

/** A place in a walk; what is in it is the source's own matter. */
export interface WalkPosition {
  readonly folders: readonly string[];
  readonly begun?: { readonly prefix: string; readonly after: string };
}

/** Reads of the source. They throw `KeyferryError`s; absent and missing are results. */
export interface SourceReader {
  readMetadata(secret: SecretAddress, signal: AbortSignal): Promise<MetadataRead>;
  walkMetadata(
    mount: MountAddress,
    options: { limit: number; from?: WalkPosition | undefined; signal: AbortSignal },
  ): AsyncIterable<MetadataPage>;
  mountOf(
    at: { namespace: string; path: string },
    signal: AbortSignal,
  ): Promise<{ readonly kind: "mounted"; readonly mount: MountIdentity } | { readonly kind: "missing" }>;
  health(signal: AbortSignal): Promise<{
    readonly initialized: boolean;
    readonly sealed: boolean;
    readonly clusterId: string | undefined;
  }>;
  /** The KVv2 mounts of a namespace. Absent: mounts that rules look at, and mounts that were moved, are not found. */
  listKv2Mounts?(namespace: string, signal: AbortSignal): Promise<readonly MountIdentity[]>;
}

export interface LoggedEvent {
  readonly value: VersionEvent;
  readonly sequence: number;
}

/** KV2_EVENTS of one source: what was published, and by its last message per secret the detector's memory. */
export interface EventLog {
  last(key: SecretKey): Promise<LoggedEvent | undefined>;
  append(
    key: SecretKey,
    event: VersionEvent,
    expectedSequence: number,
  ): Promise<{ readonly kind: "stored"; readonly sequence: number } | { readonly kind: "lost" }>;
  loadLast(
    signal: AbortSignal,
  ): AsyncIterable<{ key: SecretKey; entry: LoggedEvent; index: number; total: number }>;
  /** As `loadLast`, and then each event that comes; `pending` 0: up to date. An entry that can't be read is undefined. */
  follow(
    signal: AbortSignal,
  ): AsyncIterable<{ key: SecretKey; entry: LoggedEvent | undefined; pending: number }>;
  /** Throws while the log can't be written to. */
  probe(signal: AbortSignal): Promise<void>;
}

/** Hints of one source. */
export interface HintChannel {
  publish(hint: Hint): void;
  /** `onGap`: hints may have been missed. */
  subscribe(onHint: (hint: Hint) => void, onGap: () => void): { close(): void };
}

/** The mounts that somebody syncs from: what sweeps cover. */
export interface AssociatedMounts {
  list(): readonly AssociatedMount[];
  /** Called with the mount of each association that comes. Returns its end. */
  onAdded(listener: (mount: MountAddress) => void): () => void;
}

export interface AssociatedMount extends MountAddress {
  /** Under which its secrets are associated. Absent: whatever stands there is taken. */
  readonly accessor?: string;
}

/** The rules that are in force, as far as they say where to look. */
export interface RulePatterns {
  /** Globs over the paths of mounts, namespace by namespace. */
  list(): readonly { readonly namespace: string; readonly mounts: readonly string[] }[];
  /** Called whenever they changed. Returns its end. */
  onChanged(listener: () => void): () => void;
}

/** What a person said about the source. */
export interface Confirmations {
  /** The cluster that is the source by the last word, if there is one. */
  cluster(): string | undefined;
  /** The accessor that replaces another one at this path by the last word, if there is one. */
  accessorAt(at: MountAddress): string | undefined;
  /** Called whenever something was said. Returns its end. */
  onChanged(listener: () => void): () => void;
}

/** Where the detector tells what it holds back; throws the bus's errors. */
export interface ReportSink {
  write(report: Pick<SourceReport, "held" | "moved">): Promise<void>;
}

export type HeldChange = HeldMount["change"];

/** `<k>` of a secret. */
export type KeyOf = (ref: Pick<SecretRef, "source" | "accessor" | "path">) => SecretKey;
