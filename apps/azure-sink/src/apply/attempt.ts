import type { Fence, Lane, ResolvedPolicy, SyncCommand } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import type { Lock, PacedVault } from "@keyferry/state";
import type { LoadedRecord, RecordStore } from "../record/record-store.ts";
import type { OpenDestination, SinkDependencies } from "../ports.ts";
import { FRESH_MS, LOCK_LEASE_MS, WRITE_DEADLINE_MS } from "./limits.ts";

/** One command on its way into a vault. */
export interface Attempt {
  readonly command: SyncCommand;
  readonly fence: Fence;
  readonly lane: Lane;
  readonly destination: OpenDestination;
  readonly policy: ResolvedPolicy;
  readonly store: RecordStore;
  readonly deps: SinkDependencies;
  readonly signal: AbortSignal;
  readonly isWoken: boolean;
  /** When the command was taken in hand, ms: it was the last of its key then. */
  readonly takenAtMs: number;
}

/** Whose rate a call to this destination counts against. */
function pacedVault({ destination, policy }: Attempt): PacedVault {
  return { host: destination.vault.vaultHost, rateGroup: policy.rateGroup };
}

/** How the work on one name ended. `loaded` is the record with it, not yet appended where `isNew` is set. */
export type NameResult =
  | { readonly kind: "done"; readonly loaded: LoadedRecord; readonly wrote: boolean }
  /** Something changed meanwhile: read everything again and plan anew. */
  | { readonly kind: "replan" }
  /** A newer command of this key exists; it will see to everything. */
  | { readonly kind: "superseded" }
  /** Another sink holds the name. */
  | { readonly kind: "locked" }
  /** It may go better later: not before `waitMs`, or by the backoff of its attempts. */
  | {
      readonly kind: "waiting";
      readonly loaded: LoadedRecord;
      readonly error: KeyferryError;
      readonly waitMs?: number;
    }
  | { readonly kind: "refused"; readonly loaded: LoadedRecord; readonly error: KeyferryError };

/**
 * Takes a permit of the vault's rate, then the name's lock, re-checks that the command is still the last of its key,
 * and runs `work` under the lock. Token before lock: a bulk item that queues for a token must not hold the name that a
 * live change needs (hazard bulk-blocks-live-key).
 */
export async function underLock(
  attempt: Attempt,
  lower: string,
  kind: "create" | "other",
  work: (lock: Lock, grant: Grant) => Promise<NameResult>,
): Promise<NameResult> {
  const { deps, destination, command } = attempt;
  const host = destination.vault.vaultHost;
  const use = new Grant(deps, await permit(attempt, kind));
  try {
    deps.pauses.check(command);
    // Side by side: a command that comes after either look is met by the compare-and-set of the intent.
    const taking = deps.memory.locks.take(host, lower, LOCK_LEASE_MS);
    const [taken, looked] = await Promise.allSettled([taking, isLastCommand(attempt)]);
    if (taken.status === "rejected") throw taken.reason;
    const lock = taken.value;
    if (lock === undefined) return { kind: "locked" };
    try {
      if (looked.status === "rejected") throw looked.reason;
      if (!looked.value) return { kind: "superseded" };
      return await work(lock, use);
    } finally {
      // Not waited for: commands of a connection keep their order. If Redis is away the lease ends by itself.
      void deps.memory.locks.release(lock).catch(() => false);
    }
  } finally {
    await use.giveBackIfUnused();
  }
}

// A pause ends the wait at once: nothing may be sent afterwards, and a resume must not find a queue of old waits.
async function permit(attempt: Attempt, kind: "create" | "other"): Promise<PacingGrant> {
  const { deps, lane, signal, command } = attempt;
  const paused = deps.pauses.signal(command.destination);
  const either = AbortSignal.any([signal, paused]);
  try {
    return await deps.memory.pacing.acquire(pacedVault(attempt), kind, lane, either);
  } catch (error) {
    deps.pauses.check(command);
    throw error;
  }
}

type PacingGrant = Awaited<ReturnType<SinkDependencies["memory"]["pacing"]["acquire"]>>;

/** A permit of the vault's rate and what became of it. */
export class Grant {
  readonly #pacing: SinkDependencies["memory"]["pacing"];
  readonly #grant: PacingGrant;
  #isUsed = false;

  constructor({ memory }: Pick<SinkDependencies, "memory">, grant: PacingGrant) {
    this.#pacing = memory.pacing;
    this.#grant = grant;
  }

  /** Sends the one request that this permit is for, and tells the pacing how the vault took it. */
  async use<T>(send: () => Promise<T>): Promise<T> {
    const pacing = this.#pacing;
    this.#isUsed = true;
    pacing.sent(this.#grant);
    try {
      const result = await send();
      await pacing.succeeded(this.#grant);
      return result;
    } catch (error) {
      if (error instanceof KeyferryError && error.code === "vault-throttled") {
        const { retryAfterMs } = error.details;
        await pacing.throttled(this.#grant, typeof retryAfterMs === "number" ? retryAfterMs : undefined);
      } else {
        await pacing.succeeded(this.#grant);
      }
      throw error;
    }
  }

  get isUsed(): boolean {
    return this.#isUsed;
  }

  /** True for the one permit that a paused vault has given, as long as its request is not sent. */
  get isProbe(): boolean {
    return this.#grant.probe && !this.#isUsed;
  }

  /**
   * Sends a read ahead of the request that this probe is for. Whoever holds the probe would wait for itself if it asked
   * for another permit, as a paused vault has no other.
   */
  async readAhead<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof KeyferryError) || error.code !== "vault-throttled") throw error;
      return await this.use(() => Promise.reject(error));
    }
  }

  async giveBackIfUnused(): Promise<void> {
    // A permit that is lost costs one slot of the rate, no more.
    if (!this.#isUsed) await this.#pacing.giveBack(this.#grant).catch(() => undefined);
  }
}

/** Reads from the vault within the other, wider limit; `held`: the permit of the write that the read is for. */
export async function pacedRead<T>(
  attempt: Attempt,
  read: (signal: AbortSignal) => Promise<T>,
  held?: Grant,
): Promise<T> {
  const { signal } = attempt;
  if (held?.isProbe === true) return held.readAhead(() => read(deadlineSignal(signal)));
  return new Grant(attempt.deps, await permit(attempt, "other")).use(() => read(deadlineSignal(signal)));
}

/** A signal that also aborts when a write's time is over. */
export function deadlineSignal(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(WRITE_DEADLINE_MS)]);
}

// Of a sync that has waited for nothing the answer is known: it came out of the stream a moment ago, which keeps the last
// command of a key only. Should a newer one have come since, and have been carried out, the compare-and-set of the intent
// fails; should it not have been, it follows. An unsync is always asked for anew: what it takes away is not written again.
async function isLastCommand({ command, fence, deps, takenAtMs }: Attempt): Promise<boolean> {
  if (command.op === "sync" && deps.clock.now() - takenAtMs < FRESH_MS) return true;
  const last = await deps.commands.last(command.destination, command.secretKey);
  return last === undefined || last.sequence <= fence.sequence;
}

/** Whether a write that failed may have had its effect: the answer is missing, or Azure failed on its way back. */
export function endsUnclearly({ code, details }: KeyferryError): boolean {
  return code === "answer-lost" || details["unclear"] === true;
}
