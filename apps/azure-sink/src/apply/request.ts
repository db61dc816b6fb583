import type { Fence, Lane, SyncCommand } from "@keyferry/contracts";

/** One command to be brought into its vault. */
export interface SyncRequest {
  readonly command: SyncCommand;
  readonly fence: Fence;
  readonly lane: Lane;
  /** Woken from the `later` set: its outcome so far is `waiting`, and it is tried again. */
  readonly isWoken: boolean;
  readonly deliveryCount: number;
  readonly signal: AbortSignal;
}
