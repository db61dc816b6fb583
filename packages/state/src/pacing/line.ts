// Owns: those of one process who wait for a token of one kind, first come first served, with one poller for all of them:
// a thousand waiters ask Redis no more often than one.
import { KeyferryError, toKeyferryError } from "@keyferry/errors";
import type { Grant, Taken } from "./pacing.ts";

interface Waiter {
  readonly resolve: (grant: Grant) => void;
  readonly reject: (error: KeyferryError) => void;
}

/** What a line waits for. */
export type WaitReason = Extract<Taken, { kind: "wait" }>["why"];

export interface LineParts {
  readonly take: () => Promise<Taken>;
  readonly giveBack: (grant: Grant) => Promise<void>;
  readonly sleep: (ms: number) => Promise<void>;
  /** Nobody waits any more; the line is to be forgotten. */
  readonly onIdle: () => void;
}

export class Line {
  readonly #parts: LineParts;
  readonly #waiters = new Set<Waiter>();
  #polling = false;
  #why: WaitReason = "rate";

  constructor(parts: LineParts) {
    this.#parts = parts;
  }

  /** Resolves with a token when it is this caller's turn. */
  join(signal: AbortSignal): Promise<Grant> {
    if (signal.aborted) return Promise.reject(aborted());
    const { promise, resolve, reject } = Promise.withResolvers<Grant>();
    const waiter = { resolve, reject };
    const onAbort = (): void => {
      this.#waiters.delete(waiter);
      reject(aborted());
    };
    this.#waiters.add(waiter);
    signal.addEventListener("abort", onAbort, { once: true });
    if (!this.#polling) void this.#poll();
    return promise.finally(() => signal.removeEventListener("abort", onAbort));
  }

  /** How many wait, and what for, as Redis said last. */
  get waiting(): { readonly count: number; readonly why: WaitReason } {
    return { count: this.#waiters.size, why: this.#why };
  }

  /** Turns everybody away with an error. */
  dismiss(error: KeyferryError): void {
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters.clear();
  }

  /** Never rejects: what goes wrong is told to those who wait. */
  async #poll(): Promise<void> {
    this.#polling = true;
    try {
      while (this.#waiters.size > 0) {
        const taken = await this.#parts.take();
        if (taken.kind === "wait") {
          this.#why = taken.why;
          await this.#parts.sleep(taken.ms);
        } else await this.#hand(taken.grant);
      }
    } catch (error) {
      // Redis is away. Who waits has other work, or a consumer to give the message back to; nobody is left hanging.
      this.dismiss(toKeyferryError(error));
    }
    this.#polling = false;
    this.#parts.onIdle();
  }

  async #hand(grant: Grant): Promise<void> {
    const [first] = this.#waiters;
    // Everybody gave up while it was fetched.
    if (first === undefined) return this.#parts.giveBack(grant);
    this.#waiters.delete(first);
    first.resolve(grant);
  }
}

function aborted(): KeyferryError {
  return new KeyferryError("operation-aborted", "The operation was aborted");
}
