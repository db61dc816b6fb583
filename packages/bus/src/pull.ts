import { createInbox, type Msg, type MsgHdrs, nanos, type NatsConnection } from "@nats-io/transport-node";
import { KeyferryError } from "@keyferry/errors";

// Owns: pull requests on one durable, by one subscription that lives as long as its consumption, and the messages that the
// server hands out for them. Does not own: how many are asked for and what becomes of a message (consume.ts).
// BUS-6 What the server has handed out reaches `take`, also at an end. The client library's own pulls unsubscribe when they
//       close: what is on its way in that moment is nobody's for a whole ack_wait (hazard stop-leaves-unacked).
// The protocol: NATS ADR-13 (pull requests and their statuses), ADR-15 (the subject that a message is answered to).

/** A message of a durable, to be answered once. */
export interface Delivery {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: MsgHdrs | undefined;
  /** Sequence in the stream. */
  readonly seq: number;
  /** When the stream stored it, milliseconds since 1970. */
  readonly storedAt: number;
  /** 1 at the first delivery. */
  readonly deliveryCount: number;
  ack(): void;
  /** Gives it back; to be handed out again after the delay, at once without one. */
  nak(afterMs?: number): void;
  /** Asks for another ack_wait. */
  working(): void;
}

export interface PullerRequest {
  readonly connection: NatsConnection;
  readonly stream: string;
  readonly durable: string;
  readonly expiresMs: number;
  readonly idleHeartbeatMs: number;
  readonly take: (message: Delivery) => void;
}

const HEARTBEAT = 100;
const NO_MESSAGES = 404;
const EXPIRED = 408;
// Two heartbeats and half a one for the way.
const HEARTBEATS_MISSED = 2.5;
// A drain is a round trip. Without a connection there is none, and nothing can be on its way.
const DRAIN_MS_MAX = 2_000;

/** Asks for messages of one durable, one request at a time. */
export class Puller {
  readonly #request: PullerRequest;
  readonly #subscription: ReturnType<NatsConnection["subscribe"]>;
  readonly #inbox = createInbox();
  readonly #subject: string;
  #count = 0;
  #pull: Outstanding | undefined;

  constructor(request: PullerRequest) {
    this.#request = request;
    this.#subject = `$JS.API.CONSUMER.MSG.NEXT.${request.stream}.${request.durable}`;
    this.#subscription = request.connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => this.#receive(error, message),
    });
  }

  /**
   * Asks for `batch` messages and resolves when they have come, or their time is over, or `end()` was called.
   * @throws KeyferryError `bus-unreachable` if the server refuses, or is silent for two heartbeats
   */
  pull(batch: number): Promise<void> {
    const { connection, expiresMs, idleHeartbeatMs } = this.#request;
    this.#count += 1;
    const reply = `${this.#inbox}.${this.#count}`;
    const pull = new Outstanding(reply, batch, idleHeartbeatMs * HEARTBEATS_MISSED);
    this.#pull = pull;
    const body = { batch, expires: nanos(expiresMs), idle_heartbeat: nanos(idleHeartbeatMs) };
    connection.publish(this.#subject, JSON.stringify(body), { reply });
    return pull.over;
  }

  /** Ends the wait of `pull()`. Messages may still come, until `drain()`. */
  end(): void {
    this.#pull?.end();
  }

  /** Ends the subscription, and resolves when all that the server had handed out was taken. Never throws. */
  async drain(): Promise<void> {
    const limit = Promise.withResolvers<void>();
    const timer = setTimeout(limit.resolve, DRAIN_MS_MAX);
    const drained = this.#subscription.drain().catch(() => undefined); // the connection is closed
    await Promise.race([drained, limit.promise]);
    clearTimeout(timer);
    this.#subscription.unsubscribe();
  }

  #receive(error: Error | null, message: Msg): void {
    const pull = this.#pull;
    if (error !== null) return pull?.fail(unreachable(this.#request.durable, error.name));
    const status = message.headers?.code ?? 0;
    if (status === 0) {
      const place = placeInStream(message.reply ?? "");
      if (place === undefined)
        return pull?.fail(unreachable(this.#request.durable, "not a message of a stream"));
      pull?.received();
      this.#request.take(new PulledMessage(message, place));
      return;
    }
    // A status is addressed to its pull: one of an earlier pull says nothing about this one.
    if (pull === undefined || message.subject !== pull.reply) return;
    if (status === HEARTBEAT) pull.alive();
    else if (status === EXPIRED || status === NO_MESSAGES) pull.end();
    else pull.fail(unreachable(this.#request.durable, `${status} ${message.headers?.description ?? ""}`));
  }
}

class Outstanding {
  readonly reply: string;
  readonly over: Promise<void>;
  readonly #silence: NodeJS.Timeout;
  readonly #ending = Promise.withResolvers<void>();
  #left: number;
  #isOver = false;

  constructor(reply: string, batch: number, silenceMs: number) {
    this.reply = reply;
    this.#left = batch;
    this.#silence = setTimeout(() => this.fail(unreachable(reply, "heartbeats missed")), silenceMs);
    this.over = this.#ending.promise;
  }

  alive(): void {
    // A timer that was cleared would be set again.
    if (!this.#isOver) this.#silence.refresh();
  }

  received(): void {
    this.#left -= 1;
    if (this.#left <= 0) this.end();
    else this.alive();
  }

  end(): void {
    this.#close();
    this.#ending.resolve();
  }

  fail(error: KeyferryError): void {
    this.#close();
    this.#ending.reject(error);
  }

  #close(): void {
    this.#isOver = true;
    clearTimeout(this.#silence);
  }
}

class PulledMessage implements Delivery {
  readonly #message: Msg;
  #isAnswered = false;
  readonly deliveryCount: number;
  readonly seq: number;
  readonly storedAt: number;

  constructor(message: Msg, place: Place) {
    this.#message = message;
    this.deliveryCount = place.deliveryCount;
    this.seq = place.seq;
    this.storedAt = place.storedAt;
  }

  get subject(): string {
    return this.#message.subject;
  }

  get data(): Uint8Array {
    return this.#message.data;
  }

  get headers(): MsgHdrs | undefined {
    return this.#message.headers;
  }

  ack(): void {
    this.#answer("+ACK");
  }

  nak(afterMs = 0): void {
    this.#answer(afterMs > 0 ? `-NAK ${JSON.stringify({ delay: nanos(afterMs) })}` : "-NAK");
  }

  working(): void {
    if (!this.#isAnswered) this.#message.respond("+WPI");
  }

  // The first answer counts for the server; a second one would only cost.
  #answer(payload: string): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#message.respond(payload);
  }
}

type Place = Pick<Delivery, "deliveryCount" | "seq" | "storedAt">;

/**
 * Reads `$JS.ACK.<stream>.<durable>.<delivered>.<sequence>.<…>.<stored at, ns>.<pending>`, which from NATS 2.9 on may
 * have a domain and an account before the stream, and more behind. Undefined: it is something else.
 */
export function placeInStream(reply: string): Place | undefined {
  const tokens = reply.split(".");
  const first = tokens.length === 9 ? 4 : 6;
  const [deliveryCount, seq, , storedAtNs] = tokens.slice(first).map(Number);
  const isPlace = deliveryCount !== undefined && seq !== undefined && storedAtNs !== undefined;
  if (!isPlace || !reply.startsWith("$JS.ACK.")) return undefined;
  return { deliveryCount, seq, storedAt: Math.floor(storedAtNs / 1_000_000) };
}

function unreachable(what: string, why: string): KeyferryError {
  return new KeyferryError("bus-unreachable", `Consuming ${what}: ${why}`);
}
