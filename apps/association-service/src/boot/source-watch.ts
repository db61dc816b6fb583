// Owns: knowing whether the source answers, for readiness and for the API's 503. Asks on a timer, so that a probe of
// ours costs the source nothing.

import { toKeyferryError } from "@keyferry/errors";
import type { Clock } from "@keyferry/ports";
import type { SourcePort } from "../ports.ts";

export type SourceStatus = { readonly kind: "up" } | { readonly kind: "away"; readonly why: string };

const EVERY_MS = 5_000;
// While it is away a caller waits for it, so it is asked more often.
const EVERY_WHILE_AWAY_MS = 1_000;

export class SourceWatch {
  readonly #source: Pick<SourcePort, "health">;
  readonly #clock: Clock;
  #status: SourceStatus = { kind: "away", why: "the source has not answered yet" };

  constructor(source: Pick<SourcePort, "health">, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  get status(): SourceStatus {
    return this.#status;
  }

  /** Looks at the source until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#status = await this.#look(signal);
      const pauseMs = this.#status.kind === "up" ? EVERY_MS : EVERY_WHILE_AWAY_MS;
      await this.#clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  }

  async #look(signal: AbortSignal): Promise<SourceStatus> {
    try {
      const { sealed, initialized } = await this.#source.health(signal);
      if (!initialized) return { kind: "away", why: "the source is not initialised" };
      return sealed ? { kind: "away", why: "the source is sealed" } : { kind: "up" };
    } catch (error) {
      return { kind: "away", why: toKeyferryError(error).message };
    }
  }
}
