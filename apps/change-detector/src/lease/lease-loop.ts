// Owns: taking, renewing, losing and giving back the lease. Does not own: what its holder does, and what a watcher does
// meanwhile. Invariant: a holder ends its work only when it sees that another holds the lease or none can be written
// that names its own; an outage of the bus alone ends nothing, as it can't publish then anyway.
import { toKeyferryError, type KeyferryError } from "@keyferry/errors";
import type { LeaseRecord } from "@keyferry/contracts";
import type { Clock } from "@keyferry/ports";
import { judgeLease, type LeaseTiming, type LeaseView, type LeaseWatch, nextRecord } from "./lease.ts";

/** The record of one source's lease. */
export interface LeaseStore {
  read(): Promise<LeaseView>;
  /** By compare-and-set on the revision. */
  write(
    record: LeaseRecord,
    expectedRevision: number,
  ): Promise<{ readonly kind: "stored"; readonly sequence: number } | { readonly kind: "lost" }>;
}

export interface LeaseLoopParts {
  readonly store: LeaseStore;
  /** Of this process's life. */
  readonly me: string;
  readonly clock: Clock;
  readonly timing: LeaseTiming;
  /** Looks and writes that failed; they are tried again. */
  readonly onFailure: (error: KeyferryError) => void;
}

/** The lease as its holder knows it. */
export interface HeldLease {
  readonly record: LeaseRecord;
  readonly revision: number;
}

export class LeaseLoop {
  readonly #parts: LeaseLoopParts;

  constructor(parts: LeaseLoopParts) {
    this.#parts = parts;
  }

  /** Watches until the lease is ours; undefined when `signal` aborted. `onWaiting`: another one holds it. */
  async acquire(signal: AbortSignal, onWaiting: () => void): Promise<HeldLease | undefined> {
    const { store, me, clock, timing, onFailure } = this.#parts;
    let watch: LeaseWatch | undefined;
    while (!signal.aborted) {
      try {
        const view = await store.read();
        const verdict = judgeLease(watch, view, me, clock.now(), timing);
        if (verdict.kind === "take") {
          const end = await store.write(verdict.record, verdict.expectedRevision);
          if (end.kind === "stored") return { record: verdict.record, revision: end.sequence };
          watch = undefined; // another was quicker, or the old holder still writes
        } else {
          ({ watch } = verdict);
          onWaiting();
        }
      } catch (thrown) {
        watch = undefined;
        onFailure(toKeyferryError(thrown));
      }
      await this.#sleep(timing.pollMs, signal);
    }
    return undefined;
  }

  /** Renews until another has the lease or `signal` aborts. Gives what to release; undefined: it is lost. */
  async hold(held: HeldLease, signal: AbortSignal): Promise<HeldLease | undefined> {
    const { timing, onFailure } = this.#parts;
    let lease = held;
    while (!signal.aborted) {
      await this.#sleep(timing.renewMs, signal);
      if (signal.aborted) break;
      try {
        const renewed = await this.#renew(lease);
        if (renewed === undefined) return undefined;
        lease = renewed;
      } catch (thrown) {
        onFailure(toKeyferryError(thrown));
      }
    }
    return lease;
  }

  /** Says that the work has ended, so that another need not wait. Never rejects: who isn't told waits a little. */
  async release(lease: HeldLease): Promise<void> {
    const { store, me, onFailure } = this.#parts;
    try {
      await store.write(nextRecord(lease.record, me, true), lease.revision);
    } catch (thrown) {
      onFailure(toKeyferryError(thrown));
    }
  }

  async #renew(lease: HeldLease): Promise<HeldLease | undefined> {
    const { store, me } = this.#parts;
    const record = nextRecord(lease.record, me, false);
    const end = await store.write(record, lease.revision);
    if (end.kind === "stored") return { record, revision: end.sequence };
    const view = await store.read();
    // Nobody's: the bucket was lost with the bus's data, and the next renewal makes the record anew.
    if (view.record === undefined) return { record: lease.record, revision: view.revision };
    return view.record.holder === me && !view.record.released
      ? { record: view.record, revision: view.revision }
      : undefined;
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    await this.#parts.clock.sleep(ms, signal).catch(() => undefined); // stopping: the loop looks
  }
}
