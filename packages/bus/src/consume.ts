import { toKeyferryError } from "@keyferry/errors";
import { type Clock, inTrace, type Logger, newTrace, type Random, span, type Trace } from "@keyferry/ports";
import type { NatsConnection } from "@nats-io/transport-node";
import { toBusError } from "./bus-error.ts";
import type { Link } from "./link.ts";
import { type Delivery, Puller } from "./pull.ts";
import { traceOf } from "./table.ts";

// Owns: how messages of a durable are taken, kept alive and answered. Invariants:
// BUS-4 what was pulled is kept alive from that moment on, in hand or not yet, and there is little of it: nothing waits
//       unseen while its ack clock runs (hazard token-wait-beyond-ack-wait);
// BUS-5 close() asks for nothing more, gives back what is not begun or still on its way (BUS-6), then waits for the work in
//       hand: nothing stays unacked (hazard stop-leaves-unacked).

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
  readonly handle: (message: Delivery, context: HandlerContext) => Promise<Decision>;
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
  readonly #waiting: Delivery[] = [];
  readonly #inHand = new Map<Delivery, Promise<void>>();
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;
  readonly #keepAlive: NodeJS.Timeout;
  #puller: Puller | undefined;
  /** Ends the wait for a free slot or for the connection. */
  #wake: (() => void) | undefined;
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
    this.#wake?.();
    this.#puller?.end();
    await this.#loop;
    await Promise.all(this.#inHand.values());
    await this.#request.link.turn();
    clearInterval(this.#keepAlive);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run(): Promise<void> {
    const { link, stream, durable } = this.#request;
    const connection = await this.#connection();
    if (connection === undefined) return;
    const puller = new Puller({
      connection,
      stream,
      durable,
      expiresMs: PULL_EXPIRES_MS,
      idleHeartbeatMs: IDLE_HEARTBEAT_MS,
      take: (message) => this.#take(message),
    });
    this.#puller = puller;
    // A pull dies with its connection: the server forgets it, and a new one need not wait for missed heartbeats.
    const unwatch = link.onReconnect(() => {
      puller.end();
      this.#wake?.();
    });
    await this.#pullWhileOpen(puller);
    unwatch();
    await puller.drain();
  }

  async #connection(): Promise<NatsConnection | undefined> {
    try {
      return (await this.#request.link.connected()).connection;
    } catch {
      // The link has failed for good, and says so to all.
      return undefined;
    }
  }

  async #pullWhileOpen(puller: Puller): Promise<void> {
    const { link, durable, logger, clock } = this.#request;
    let wait = REOPEN_MS_MIN;
    while (!this.#stop.signal.aborted && !link.signal.aborted) {
      try {
        await this.#pull(puller);
        wait = REOPEN_MS_MIN;
      } catch (error) {
        const { code, details } = toBusError(error, `Consuming ${durable}`);
        logger.debug({ durable, code, ...details, waitMs: wait }, "a pull failed and is repeated");
        await clock.sleep(wait, this.#stop.signal).catch(() => undefined);
        wait = Math.min(wait * 2, REOPEN_MS_MAX);
      }
    }
  }

  async #pull(puller: Puller): Promise<void> {
    const room = this.#concurrency + this.#ahead - this.#inHand.size - this.#waiting.length;
    // Not for each single slot: a pull costs more than a message.
    const isWorth = room >= this.#ahead / 2;
    // What is asked while there is no connection would be sent with the next one, each time once more.
    if (isWorth && this.#request.link.online) return puller.pull(room);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  #take(message: Delivery): void {
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

  #handle(message: Delivery): void {
    const work = this.#answer(message).finally(() => {
      this.#inHand.delete(message);
      if (!this.#stop.signal.aborted) this.#begin();
      this.#wake?.();
    });
    this.#inHand.set(message, work);
  }

  async #answer(message: Delivery): Promise<void> {
    const { handle, link, logger, random, durable } = this.#request;
    const trace = traceOf(message.headers) ?? newTrace(random);
    const { deliveryCount } = message;
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
