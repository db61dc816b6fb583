// Owns: what the server works on, and a data-plane request that has been read whole.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AccessRules } from "../access/access.ts";
import type { VirtualClock } from "../clock/virtual-clock.ts";
import type { Tokens } from "../entra/tokens.ts";
import type { Estate } from "../estate/estate.ts";
import type { FaultInjector } from "../faults/rules.ts";
import type { RateLimits } from "../limits/rate-limits.ts";
import type { Oracle } from "../oracle/oracle.ts";
import type { ResolvedOptions } from "../options.ts";
import type { SoftDeleteDelays } from "../soft-delete/lifecycle.ts";

/** What the server works on. */
export interface Parts {
  readonly options: ResolvedOptions;
  readonly clock: VirtualClock;
  readonly estate: Estate;
  readonly tokens: Tokens;
  readonly limits: RateLimits;
  readonly access: AccessRules;
  readonly faults: FaultInjector;
  readonly oracle: Oracle;
  readonly softDelete: { delays: SoftDeleteDelays };
  readonly onChange: () => void;
  /** Told of errors of our own; no input should cause one. */
  readonly onDefect: (error: unknown) => void;
  /** Fires when the emulator closes: whoever waits at a fault gives up. */
  readonly closing: AbortSignal;
}

export interface VaultRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly vaultName: string;
  readonly idOrigin: string;
  readonly linkOrigin: string;
  readonly body: string;
  readonly bodyBytes: number;
}
