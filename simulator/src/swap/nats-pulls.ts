// Owns: pulls of durables on the wire, between a connection (nats-transport.ts) and the consumers' model: requests and
// their statuses, messages on their way to a subscriber, answers on their way back. After NATS ADR-13 and ADR-15.
import type { Delivery, Pull } from "../servers/consumers.ts";
import type { SimulatedProcess } from "../time/process.ts";
import { world } from "../world.ts";

export const PULL_SUBJECT = "$JS.API.CONSUMER.MSG.NEXT.";
const ACK_SUBJECT = "$JS.ACK.";

/** In heartbeats: a server that is as late as a client bears. It halves what waiting costs here. */
const BEATS_APART = 2;

type Callback = (error: Error | null, message: object) => void;

/** A subscriber of `<name>.*`: to it go the answers of its pulls. */
export class Inbox {
  readonly name: string;
  readonly process: SimulatedProcess;
  readonly #callback: Callback;
  readonly #open = new Set<() => void>();
  /** False from the moment at which the client has no such subscription any more. */
  isHeard = true;
  #lastAt = 0;

  constructor(name: string, process: SimulatedProcess, callback: Callback) {
    this.name = name;
    this.process = process;
    this.#callback = callback;
  }

  /** From the server to the client. One connection: nothing overtakes. */
  send(message: object): void {
    const { scheduler, network } = world();
    if (!network.isReachable("nats", this.process)) return;
    this.#lastAt = Math.max(this.#lastAt, scheduler.now + network.latency("nats"));
    scheduler.after(this.#lastAt - scheduler.now, this.process, () => this.#hear(message));
  }

  /** A status that only says that the server lives: no code of the process waits for it. */
  beat(reply: string): void {
    if (!world().network.isReachable("nats", this.process) || this.process.isDead) return;
    this.#hear(statusOf(reply, 100, "Idle Heartbeat"));
  }

  /** `end` is called when the server learns that nobody listens here. */
  opened(end: () => void): () => void {
    this.#open.add(end);
    return () => this.#open.delete(end);
  }

  /** At the server: what was sent before arrives all the same. */
  close(): void {
    for (const end of this.#open) end();
  }

  /** When all that was sent until now has arrived. */
  whenQuiet(then: () => void): void {
    const { scheduler, network } = world();
    const at = Math.max(this.#lastAt, scheduler.now + network.latency("nats"));
    scheduler.after(at - scheduler.now, this.process, then);
  }

  #hear(message: object): void {
    if (this.isHeard) this.#callback(null, message);
  }
}

interface PullBody {
  readonly batch: number;
  /** Nanoseconds, both. */
  readonly expires: number;
  readonly idle_heartbeat: number;
}

function statusOf(reply: string, code: number, description: string): object {
  return { subject: reply, headers: { code, description } };
}

/** At the server: a request to `PULL_SUBJECT<stream>.<durable>`. */
export function openPull(inbox: Inbox, subject: string, body: string, reply: string): void {
  const [stream = "", durable = ""] = subject.slice(PULL_SUBJECT.length).split(".");
  const { nats, scheduler } = world();
  const consumer = nats.streams.get(stream)?.consumers.get(durable);
  if (consumer === undefined) return inbox.send(statusOf(reply, 503, ""));
  const { batch, expires, idle_heartbeat: heartbeat } = JSON.parse(body) as PullBody;
  let cancelBeat = (): void => undefined;
  const end = (): void => {
    cancelBeat();
    cancelExpiry();
    consumer.unpull(pull);
    closed();
  };
  const beat = (): void => {
    cancelBeat = scheduler.after((heartbeat / 1e6) * BEATS_APART, undefined, () => {
      inbox.beat(reply);
      beat();
    });
  };
  const cancelExpiry = scheduler.after(expires / 1e6, undefined, () => {
    end();
    inbox.send(statusOf(reply, 408, "Request Timeout"));
  });
  const pull: Pull = {
    process: inbox.process,
    left: batch,
    deliver(delivery) {
      inbox.send(messageOf(inbox.process, stream, durable, delivery));
      if (pull.left === 0) end();
    },
    onEnd() {
      end();
      inbox.send(statusOf(reply, 409, "Consumer Deleted"));
    },
  };
  const closed = inbox.opened(end);
  beat();
  consumer.pull(pull);
}

function messageOf(process: SimulatedProcess, stream: string, durable: string, delivery: Delivery): object {
  const { message, deliveryCount, pending } = delivery;
  const { subject, sequence, data, headers, time } = message;
  const reply = `${ACK_SUBJECT}${stream}.${durable}.${deliveryCount}.${sequence}.1.${time * 1_000_000}.${pending}`;
  return { subject, data, headers, reply, respond: (payload: string) => answer(process, reply, payload) };
}

/** From the client: `+ACK`, `-NAK` with or without a delay, `+WPI`. */
function answer(process: SimulatedProcess, reply: string, payload: string): void {
  const { network, scheduler } = world();
  if (!network.isReachable("nats", process)) return;
  const [stream = "", durable = "", , sequence] = reply.slice(ACK_SUBJECT.length).split(".");
  scheduler.after(network.latency("nats"), undefined, () => {
    const consumer = world().nats.streams.get(stream)?.consumers.get(durable);
    if (payload === "+ACK") consumer?.ack(Number(sequence));
    else if (payload === "+WPI") consumer?.working(Number(sequence));
    else consumer?.nak(Number(sequence), delayOf(payload));
  });
}

function delayOf(payload: string): number {
  const options = payload.slice("-NAK".length).trim();
  return options === "" ? 0 : (JSON.parse(options) as { delay: number }).delay / 1e6;
}
