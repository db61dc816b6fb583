// Owns: looking again when a version's deletion_time comes: at that moment nothing is written, audited or emitted, the
// metadata stays as it was (hazard expiry-without-a-change). Does not own: deciding that it expired (a read does).
import type { SecretKey, SecretState } from "@keyferry/contracts";
import type { Clock } from "@keyferry/ports";
import { Alarm } from "../alarm/alarm.ts";

// The server's clock decides and ours only wakes: a little after, so that the first read shows it.
const AFTER_MS = 1_000;
// While the server's clock is behind ours, by seconds or by hours: as long again as it is overdue, within these.
const AGAIN_MS_MIN = 10_000;
const AGAIN_MS_MAX = 300_000;

export interface ExpiryParts {
  readonly clock: Clock;
  /** What memory holds of a secret. */
  readonly stateOf: (key: SecretKey) => SecretState | undefined;
  readonly onDue: (key: SecretKey) => void;
}

export class Expiry {
  readonly #parts: ExpiryParts;
  readonly #alarm: Alarm<SecretKey>;
  /** The time for which each secret is in the heap: once, however often it changes. */
  readonly #set = new Map<SecretKey, number>();

  constructor(parts: ExpiryParts) {
    this.#parts = parts;
    this.#alarm = new Alarm(parts.clock, (key) => this.#fire(key));
  }

  get size(): number {
    return this.#alarm.size;
  }

  /** Memory holds this state now. */
  follow(key: SecretKey, state: SecretState): void {
    const at = nextExpiry(state);
    if (at !== undefined) this.#arm(key, at + AFTER_MS);
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#alarm.run(signal);
  }

  #arm(key: SecretKey, at: number): void {
    const before = this.#set.get(key);
    // An earlier entry fires first and then looks for what is next.
    if (before !== undefined && before <= at) return;
    this.#set.set(key, at);
    this.#alarm.set(at, key);
  }

  #fire(key: SecretKey): void {
    const { clock, stateOf, onDue } = this.#parts;
    const set = this.#set.get(key);
    if (set === undefined || set > clock.now()) return; // replaced by another entry
    this.#set.delete(key);
    const state = stateOf(key);
    const next = state && nextExpiry(state);
    if (next === undefined) return;
    if (next + AFTER_MS > clock.now()) return this.#arm(key, next + AFTER_MS);
    onDue(key);
    const overdueMs = clock.now() - next;
    this.#arm(key, clock.now() + Math.min(Math.max(overdueMs, AGAIN_MS_MIN), AGAIN_MS_MAX));
  }
}

/** The earliest deletion time among versions that were live when seen. */
export function nextExpiry(state: SecretState): number | undefined {
  if (state.kind === "gone") return undefined;
  let earliest: number | undefined;
  for (const version of Object.values(state.versions)) {
    if (!version.live || version.deletionTime === "") continue;
    const at = Date.parse(version.deletionTime);
    if (!Number.isNaN(at) && (earliest === undefined || at < earliest)) earliest = at;
  }
  return earliest;
}
