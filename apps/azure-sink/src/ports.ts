import type { Bus, CommandTable, HintChannel, ResultTable } from "@keyferry/bus";
import type { DestinationRecord, Uid } from "@keyferry/contracts";
import type { KeyVault } from "@keyferry/key-vault";
import type { TagKeys } from "@keyferry/naming";
import type { Clock, Logger, Random } from "@keyferry/ports";
import type { State } from "@keyferry/state";
import type { VaultClient } from "@keyferry/vault-client";
import type { Breakers } from "./breaker/breakers.ts";
import type { SinkEvents } from "./events.ts";
import type { PauseGate } from "./pauses/pauses.ts";

// What the sink needs of the outside, and no more: the same code runs on other implementations of these.

/** The wish of a (destination, secret): SYNC_DESIRED. */
export type CommandReader = Pick<CommandTable, "last">;

/** Intents and outcomes: SYNC_RESULTS. */
export type ResultLog = Pick<ResultTable, "last" | "append">;

/** What needs a person: SYNC_DLQ. */
export type DeadLetters = Bus["deadLetters"];

/** Asks the detector to look. */
export type HintSender = Pick<HintChannel, "publish">;

/** The source: metadata and single versions of secrets. */
export type SecretReader = Pick<VaultClient, "readMetadata" | "readVersion">;

/** The sinks' shared working memory. It may be lost at any time; JetStream decides (DESIGN section 4). */
export type Memory = Pick<State, "locks" | "records" | "pacing" | "later" | "attempts">;

/** One Key Vault, through the SDK. */
export type VaultWriter = Pick<
  KeyVault,
  | "put"
  | "patch"
  | "delete"
  | "recover"
  | "purge"
  | "versions"
  | "compare"
  | "deleted"
  | "listDeleted"
  | "list"
  | "prime"
  | "vaultHost"
>;

/** A destination that is ready to be written to. */
export interface OpenDestination {
  readonly record: DestinationRecord;
  readonly vault: VaultWriter;
  /** Reads the source for this destination: with its role, and only where it may. Absent: as the sink itself. */
  readonly source?: SecretReader;
}

/** Destinations by uid, with clients that are made once and kept. */
export interface Destinations {
  /** Undefined while the destination's record has not reached this process. */
  open(destination: Uid, signal: AbortSignal): Promise<OpenDestination | undefined>;
}

/** Which associations of this instance exist, also those being removed. */
export interface AssociationDirectory {
  isKnown(association: Uid): Promise<boolean>;
}

/** Who we are and the keys of our tags. */
export interface Identity {
  readonly instanceId: string;
  readonly tagKeys: TagKeys;
}

/** Everything that applying a command needs. */
export interface SinkDependencies {
  readonly commands: CommandReader;
  readonly results: ResultLog;
  readonly deadLetters: DeadLetters;
  readonly hints: HintSender;
  readonly source: SecretReader;
  readonly memory: Memory;
  readonly destinations: Destinations;
  readonly associations: AssociationDirectory;
  readonly identity: Identity;
  /** Least time between two writes of one name: Key Vault's times are whole seconds, and the later wish is enough. */
  readonly putSpacingMs: number;
  readonly breakers: Pick<Breakers, "enter">;
  readonly pauses: PauseGate;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly events: SinkEvents;
}
