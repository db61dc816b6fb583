// Owns: waiting for a server that is away, once for everybody who needs it, and saying so. Does not own: what is done
// meanwhile (it waits), and errors of single secrets.
import type { KeyferryError } from "@keyferry/errors";
import type { Clock, Random } from "@keyferry/ports";
import { backoffMs, type BackoffPolicy } from "@keyferry/retry";
import { toKeyferryError } from "@keyferry/errors";

// A restart of the server takes a second or two: latency matters more than a few calls to a server that is away.
const POLICY: BackoffPolicy = { firstMs: 100, capMs: 5_000, factor: 1.6 };
// Closed again sooner than this after it opened: the probe says more than the calls keep, so the backoff goes on.
const SETTLED_MS = 10_000;

export interface GateParts {
  readonly clock: Clock;
  readonly random: Random;
  /** Resolves if the server can be worked with. */
  readonly probe: (signal: AbortSignal) => Promise<void>;
  readonly onWaiting: (error: KeyferryError) => void;
  readonly onBack: () => void;
}

export class Gate {
  readonly #parts: GateParts;
  #opening: Promise<void> | undefined;
  #why: KeyferryError | undefined;
  #openedAt = 0;
  #attempt = 0;

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  /** Why it is closed. */
  get why(): KeyferryError | undefined {
    return this.#why;
  }

  /** Resolves when the gate is open. Rejects only when `signal` aborts. */
  async opened(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#opening;
    signal.throwIfAborted();
  }

  /** The server is away: everybody waits until a probe succeeds. */
  close(error: KeyferryError, signal: AbortSignal): void {
    if (this.#opening !== undefined) return;
    this.#why = error;
    this.#parts.onWaiting(error);
    if (this.#parts.clock.now() - this.#openedAt > SETTLED_MS) this.#attempt = 0;
    this.#opening = this.#probeUntilOpen(signal);
  }

  async #probeUntilOpen(signal: AbortSignal): Promise<void> {
    const { clock, random, probe } = this.#parts;
    while (!signal.aborted) {
      this.#attempt += 1;
      try {
        await clock.sleep(backoffMs(this.#attempt, POLICY, random), signal);
        await probe(signal);
        break;
      } catch (thrown) {
        this.#why = toKeyferryError(thrown);
      }
    }
    this.#opening = undefined;
    if (signal.aborted) return;
    this.#why = undefined;
    this.#openedAt = clock.now();
    this.#parts.onBack();
  }
}
