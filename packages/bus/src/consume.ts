import { toKeyferryError } from "@keyferry/errors";
import { type Clock, inTrace, type Logger, newTrace, type Random, span, type Trace } from "@keyferry/ports";
import type { Consumer, ConsumerMessages, JsMsg } from "@nats-io/jetstream";
import { toBusError } from "./bus-error.ts";
import type { Link } from "./link.ts";
import { traceOf } from "./table.ts";

// Owns: how messages of a durable are taken, kept alive and answered. Invariants:
// BUS-4 what was pulled is kept alive from that moment on, in hand or not yet, and there is little of it: nothing waits
//       unseen while its ack clock runs (hazard token-wait-beyond-ack-wait);
// BUS-5 close() ends the pull first, gives back what is not begun, then waits for the work in hand: nothing stays
//       unacked (hazard stop-leaves-unacked).

/** What becomes of a message. `retry` hands it out again after the delay, here or elsewhere. */
export type Decision = { readonly kind: "ack" } | { readonly kind: "retry"; readonly afterMs: number };

export interface HandlerContext {
  /** Aborts when the bus closes for good; a handler in hand at close() is waited for. */
  readonly signal: AbortSignal;
  /** 1 at the first delivery. */
  readonly deliveryCount: number;
  readonly trace: Trace;
}

export interface ConsumeOptions {
  /** Messages in hand at once. */
  readonly concurrency: number;
}

/** A running consumption of a durable. */
export interface Consumption extends AsyncDisposable {
  /** When the last message came, ms; undefined before the first. */
  readonly lastReceivedAt: number | undefined;
  close(): Promise<void>;
}

// Both low: with the client's defaults a consumer is silent for some 40 s after a leader change
// (hazard leader-kill-stalls-consumer).
const PULL_EXPIRES_MS = 5_000;
const IDLE_HEARTBEAT_MS = 1_000;
/** The durables' ack_wait; what is in hand is kept alive well inside it. */
export const ACK_WAIT_MS = 60_000;
const KEEP_ALIVE_MS = 20_000;
/** Pulled ahead, so that a free slot does not wait for a round trip; at least these few where concurrency is low. */
const AHEAD_MIN = 8;
const REOPEN_MS_MIN = 100;
const REOPEN_MS_MAX = 5_000;
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 30_000;

export interface ConsumeRequest {
  readonly link: Link;
  readonly stream: string;
  readonly durable: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  readonly handle: (message: JsMsg, context: HandlerContext) => Promise<Decision>;
}

/** Begins to take messages; goes on through every outage until closed. */
export function startConsumption(request: ConsumeRequest, { concurrency }: ConsumeOptions): Consumption {
  return new PullLoop(request, concurrency);
}

class PullLoop implements Consumption {
  readonly #request: ConsumeRequest;
  readonly #concurrency: number;
  readonly #ahead: number;
  /** Pulled and not begun, in the stream's order. */
  readonly #waiting: JsMsg[] = [];
  readonly #inHand = new Map<JsMsg, Promise<void>>();
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;
  readonly #keepAlive: NodeJS.Timeout;
  #pull: ConsumerMessages | undefined;
  #slotFreed: (() => void) | undefined;
  lastReceivedAt: number | undefined;

  constructor(request: ConsumeRequest, concurrency: number) {
    this.#request = request;
    this.#concurrency = concurrency;
    this.#ahead = Math.max(AHEAD_MIN, concurrency);
    this.#keepAlive = setInterval(() => {
      for (const message of [...this.#inHand.keys(), ...this.#waiting]) message.working();
    }, KEEP_ALIVE_MS);
    this.#keepAlive.unref();
    this.#loop = this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    for (const message of this.#waiting.splice(0)) message.nak();
    this.#slotFreed?.();
    await this.#pull?.close();
    await this.#loop;
    await Promise.all(this.#inHand.values());
    await this.#request.link.turn();
    clearInterval(this.#keepAlive);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run(): Promise<void> {
    const { link, stream, durable, logger, clock } = this.#request;
    let wait = REOPEN_MS_MIN;
    while (!this.#stop.signal.aborted) {
      try {
        const { js } = await link.connected();
        const consumer = await js.consumers.get(stream, durable);
        wait = REOPEN_MS_MIN;
        await this.#pullFrom(consumer);
      } catch (error) {
        if (this.#stop.signal.aborted || link.signal.aborted) return;
        const { code, details } = toBusError(error, `Consuming ${durable}`);
        logger.debug({ durable, code, ...details }, "consumer reopened");
        await clock.sleep(wait, this.#stop.signal).catch(() => undefined);
        wait = Math.min(wait * 2, REOPEN_MS_MAX);
      }
    }
  }

  async #pullFrom(consumer: Consumer): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const room = this.#concurrency + this.#ahead - this.#inHand.size - this.#waiting.length;
      // Not for each single slot: a pull costs more than a message.
      if (room < this.#ahead / 2) {
        await new Promise<void>((resolve) => {
          this.#slotFreed = resolve;
        });
        continue;
      }
      this.#pull = await consumer.fetch({
        max_messages: room,
        expires: PULL_EXPIRES_MS,
        idle_heartbeat: IDLE_HEARTBEAT_MS,
      });
      // Taken even when a stop came meanwhile: what the server has handed out must be answered (BUS-5).
      if (this.#stop.signal.aborted) await this.#pull.close();
      for await (const message of this.#pull) this.#take(message);
    }
  }

  #take(message: JsMsg): void {
    this.lastReceivedAt = this.#request.clock.now();
    // At once to somebody else: it was not begun.
    if (this.#stop.signal.aborted) return message.nak();
    this.#waiting.push(message);
    this.#begin();
  }

  #begin(): void {
    while (this.#inHand.size < this.#concurrency) {
      const message = this.#waiting.shift();
      if (message === undefined) return;
      this.#handle(message);
    }
  }

  #handle(message: JsMsg): void {
    const work = this.#answer(message).finally(() => {
      this.#inHand.delete(message);
      if (!this.#stop.signal.aborted) this.#begin();
      this.#slotFreed?.();
    });
    this.#inHand.set(message, work);
  }

  async #answer(message: JsMsg): Promise<void> {
    const { handle, link, logger, random, durable } = this.#request;
    const trace = traceOf(message.headers) ?? newTrace(random);
    const deliveryCount = message.info.deliveryCount;
    let decision: Decision;
    try {
      decision = await inTrace(trace, () =>
        span(
          {
            name: `consume ${durable}`,
            kind: "consumer",
            attributes: { "messaging.system": "nats", "messaging.delivery": deliveryCount },
            after: ({ kind }) => ({ "keyferry.decision": kind }),
          },
          () => handle(message, { signal: link.signal, deliveryCount, trace }),
        ),
      );
    } catch (error) {
      const { code, message: text, details } = toKeyferryError(error);
      decision = { kind: "retry", afterMs: Math.min(RETRY_MS_MIN * 2 ** (deliveryCount - 1), RETRY_MS_MAX) };
      logger.warn(
        { durable, code, ...details, deliveryCount, afterMs: decision.afterMs },
        `handler failed: ${text}`,
      );
    }
    await link.turn();
    if (decision.kind === "ack") message.ack();
    else message.nak(decision.afterMs);
  }
}
