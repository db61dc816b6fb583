export type { Attempts } from "./attempts.ts";
export type { Later, LaterItem } from "./later.ts";
export type { Lock, Locks } from "./locks.ts";
export type { Grant, PacedKind, PacedVault, Pacing, Taken, Throttled } from "./pacing/pacing.ts";
export type { CachedRecord, Records } from "./records.ts";
export { connectState, type State, type StateOptions } from "./state.ts";
