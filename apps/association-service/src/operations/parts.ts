// Owns: what the routes of operating hand requests on to. Put together once, in create-operations.ts.

import type { RuleRecord, SecretKey, SecretRef, SyncCommand } from "@keyferry/contracts";
import type { Clock } from "@keyferry/ports";
import type { DestinationDefaults } from "../destinations/compose-destination.ts";
import type { DestinationIndex } from "../destinations/destination-index.ts";
import type { ResolutionKind } from "../events.ts";
import type { Pair } from "../resolve/resolver.ts";
import type { DoctorSource } from "./doctor/gather-facts.ts";
import type { History } from "./history/history.ts";
import type { Pairs } from "./pairs.ts";
import type { ConfirmEnd, ConfirmWish, OperationsBus } from "./ports.ts";
import type { OperationStore } from "./replay/operation-store.ts";
import type { RehearseOptions } from "./replay/rehearse.ts";
import type { OverviewOptions } from "./status/overview.ts";

export interface OperationsParts {
  readonly bus: OperationsBus;
  readonly source: string;
  readonly pairs: Pairs;
  readonly destinations: DestinationIndex;
  readonly history: History;
  readonly store: OperationStore;
  readonly overview: OverviewOptions;
  readonly rehearsal: RehearseOptions;
  readonly clock: Clock;
  readonly doctorSource: DoctorSource;
  readonly defaults: DestinationDefaults;
  /** Every secret that the change-detector has seen and that is not gone. */
  readonly knownSecrets: () => Iterable<{
    readonly secretKey: SecretKey;
    readonly secret: SecretRef;
    readonly customMetadata: Readonly<Record<string, string>>;
  }>;
  /** Every rule, removed ones too. */
  readonly rules: (signal: AbortSignal) => Promise<readonly RuleRecord[]>;
  /** Keyferry's own mount. */
  readonly own: { readonly mount: string };
  /** A person's word that what answers now is the source. */
  readonly confirmSource: (wish: ConfirmWish) => Promise<ConfirmEnd>;
  /** Looks at a pair and orders what is wished once more, also what was refused. */
  readonly lookAgain: (pair: Pair, signal: AbortSignal) => Promise<ResolutionKind>;
  /** The same, with leave to take over what lies under its names. */
  readonly adopt: (
    pair: Pair,
    adopt: NonNullable<SyncCommand["adopt"]>,
    signal: AbortSignal,
  ) => Promise<ResolutionKind>;
  /** Keys of a path: those that are associated, else that of the mount which is there now. */
  readonly keysOf: (
    secret: { readonly namespace: string; readonly mount: string; readonly path: string },
    signal: AbortSignal,
  ) => Promise<readonly SecretKey[]>;
}
