// What operating needs of the bus beyond what the resolver needs, declared by its consumer. @keyferry/bus satisfies it by
// its shape.

import type {
  ApprovalRecord,
  DeadLetter,
  DriftReport,
  DriftRequest,
  OperationRecord,
  PausesRecord,
  Presence,
  SecretKey,
  SourceConfirmation,
  SourceReport,
  SyncRecord,
  Uid,
  VaultLookReply,
  VaultLookRequest,
  VersionEvent,
} from "@keyferry/contracts";
import type { BusPort, ConnectionChecks, Entry, Table, TableView } from "../ports.ts";

/** Which part of a stream: from a sequence or from a time (ms since 1970) on. */
export interface HistoryRange {
  readonly fromSequence?: number;
  readonly since?: number;
  readonly throughSequence?: number;
}

/** A message of the past. */
export interface Past<T> extends Entry<T> {
  readonly traceId: string | undefined;
}

export interface StreamExtent {
  readonly created: number;
  readonly firstSequence: number;
  readonly firstTime: number | undefined;
  readonly lastSequence: number;
  readonly lastTime: number | undefined;
  readonly messages: number;
  readonly sizeBytes: number;
  readonly sizeBytesMax: number;
  readonly replicas: number;
}

/** A letter of SYNC_DLQ and its place. */
export interface StoredLetter {
  readonly sequence: number;
  readonly subject: string;
  readonly time: number;
  readonly letter: DeadLetter;
  readonly destination: string;
  readonly key: string;
}

/** What a person confirms of the source: another cluster, or another mount at an old one's path. */
export type ConfirmWish = { readonly source: string; readonly by: string; readonly reason: string } & (
  | { readonly kind: "cluster"; readonly to: string }
  | { readonly kind: "mount"; readonly namespace: string; readonly mount: string; readonly to: string }
);

export type ConfirmEnd =
  | { readonly kind: "confirmed" | "unchanged"; readonly record: SourceConfirmation }
  | { readonly kind: "not-held"; readonly report: SourceReport | undefined };

export interface ServerFacts {
  readonly version: string;
  readonly cluster: string | undefined;
  readonly tls: boolean;
  readonly authenticated: boolean;
}

interface WatchedTable<T> extends Table<T> {
  watch(signal: AbortSignal): Promise<TableView<T>>;
}

export interface OperationsBus {
  readonly events: BusPort["events"] & {
    history(
      source: string,
      key: SecretKey | undefined,
      range: HistoryRange,
      signal: AbortSignal,
    ): AsyncIterable<Past<VersionEvent> & { readonly key: SecretKey }>;
    extent(): Promise<StreamExtent>;
  };
  readonly commands: BusPort["commands"] & { extent(): Promise<StreamExtent> };
  readonly results: BusPort["results"] & {
    history(
      of: { readonly destination?: Uid; readonly key?: SecretKey },
      range: HistoryRange,
      signal: AbortSignal,
    ): AsyncIterable<Past<SyncRecord> & { readonly destination: Uid; readonly key: SecretKey }>;
    extent(): Promise<StreamExtent>;
  };
  readonly associations: BusPort["associations"];
  readonly hints: BusPort["hints"];
  readonly deadLetters: {
    list(signal: AbortSignal): AsyncIterable<StoredLetter>;
    get(sequence: number): Promise<StoredLetter | undefined>;
    drop(letter: StoredLetter): Promise<void>;
  };
  readonly connectionChecks: ConnectionChecks;
  readonly vaultLooks: { ask(request: VaultLookRequest): Promise<VaultLookReply | undefined> };
  readonly presence: { ask(waitMs: number): Promise<readonly Presence[]> };
  readonly operations: WatchedTable<OperationRecord>;
  readonly pauses: WatchedTable<PausesRecord>;
  readonly driftRequests: Table<DriftRequest>;
  readonly driftReports: WatchedTable<DriftReport>;
  readonly approvals: Table<ApprovalRecord>;
  readonly sourceReports: Table<SourceReport>;
  readonly destinations: BusPort["destinations"];
  /** The server that answers, as it says of itself. */
  server(): ServerFacts | undefined;
  status: BusPort["status"];
}
