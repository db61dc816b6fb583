// In place of @nats-io/jetstream: its clients on the world's model. Enums and errors are the real package's.
import { JetStreamApiError, type StoredMsg } from "@nats-io/jetstream";
import type { MsgHdrs, NatsConnection } from "@nats-io/transport-node";
import { JetStreamRefusal, REFUSED, type StreamModel } from "../servers/jetstream.ts";
import type { Delivery, ConsumerModel, Pull } from "../servers/consumers.ts";
import type { SimulatedProcess } from "../time/process.ts";
import { world } from "../world.ts";
import type { SimulatedConnection } from "./nats-transport.ts";

export {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  JetStreamError,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";

const API_MS = 5_000;

function call<T>(process: SimulatedProcess, effect: () => T, patienceMs = API_MS): Promise<T> {
  return world().network.call(process, {
    server: "nats",
    effect: () => {
      try {
        return effect();
      } catch (error) {
        throw error instanceof JetStreamRefusal ? apiError(error.code) : error;
      }
    },
    noAnswer: () => new Error("TIMEOUT"),
    patienceMs,
  });
}

function apiError(code: number): JetStreamApiError {
  return new JetStreamApiError({
    code: code === REFUSED.wrongSequence ? 400 : 404,
    err_code: code,
    description: `${code}`,
  });
}

interface PublishOptions {
  readonly timeout?: number;
  readonly headers?: MsgHdrs;
  readonly expect?: { readonly lastSubjectSequence?: number; readonly lastSubjectSequenceSubject?: string };
}

export function jetstream(connection: NatsConnection) {
  const { process } = connection as unknown as SimulatedConnection;
  return {
    publish(subject: string, data: Uint8Array, options: PublishOptions = {}) {
      const { nats, history } = world();
      const { expect } = options;
      history.inspect("nats", () => Buffer.from(data).toString("utf8"));
      return call(
        process,
        () => {
          const stream = nats.streamOf(subject);
          const last = expect?.lastSubjectSequence;
          const filter = expect?.lastSubjectSequenceSubject ?? subject;
          const seq = stream.publish(
            subject,
            data,
            options.headers,
            last === undefined ? undefined : { last, filter },
          );
          history.published(process, subject, data, seq);
          return { seq, stream: stream.shape.name, duplicate: false };
        },
        options.timeout,
      );
    },
    consumers: {
      // Durables are pulled from by the connection itself (nats-pulls.ts).
      get: async (stream: string, which: OrderedOptions) => ordered(process, stream, which),
    },
  };
}

interface OrderedOptions {
  readonly filter_subjects?: string | readonly string[];
  readonly deliver_policy?: string;
  readonly opt_start_seq?: number;
}

function durableOf(stream: string, name: string): ConsumerModel {
  const consumer = world().nats.stream(stream).consumers.get(name);
  if (consumer === undefined) throw new JetStreamRefusal(REFUSED.noConsumer);
  return consumer;
}

let names = 0;

function ordered(process: SimulatedProcess, stream: string, options: OrderedOptions) {
  let made: { consumer: ConsumerModel; messages: Messages; first: Delivery[] } | undefined;
  const create = (): Promise<ConsumerModel> =>
    call(process, () => {
      const { filter_subjects: filters = [], deliver_policy: policy, opt_start_seq: from } = options;
      names += 1;
      return world()
        .nats.stream(stream)
        .addConsumer({
          name: `ordered-${names}`,
          filters: typeof filters === "string" ? [filters] : filters,
          start: policy === "last_per_subject" ? "last-per-subject" : (from ?? "all"),
          ackWaitMs: 0,
          isDurable: false,
        });
    });
  let consumer: Promise<ConsumerModel> | undefined;
  return {
    async info() {
      consumer ??= create();
      const model = await consumer;
      return { num_pending: model.pending() };
    },
    async consume() {
      consumer ??= create();
      const model = await consumer;
      const messages = new Messages();
      made = { consumer: model, messages, first: [] };
      const pull: Pull = {
        process,
        left: Number.POSITIVE_INFINITY,
        onEnd: () => messages.endLater(process),
        deliver: (delivery) => receive(process, messages, delivery),
      };
      messages.onEnd = () => {
        model.unpull(pull);
        model.end();
      };
      model.pull(pull);
      return messages;
    },
    async delete() {
      made?.messages.end();
      (await consumer)?.end();
      return true;
    },
  };
}

function receive(process: SimulatedProcess, messages: Messages, delivery: Delivery): void {
  const { network, scheduler } = world();
  const { message, deliveryCount, pending } = delivery;
  if (!network.isReachable("nats", process)) return;
  const { subject, sequence, data, headers, time } = message;
  messages.receiveLater(process, scheduler.now + network.latency("nats"), {
    subject,
    data,
    seq: sequence,
    headers,
    info: { deliveryCount, pending, timestampNanos: time * 1_000_000 },
  });
}

/** A pull's messages, in the order in which they were sent. */
class Messages implements AsyncIterable<object> {
  onEnd: () => void = () => undefined;
  readonly #queue: object[] = [];
  #isEnded = false;
  #isServerDone = false;
  #waiting: (() => void) | undefined;
  #lastAt = 0;

  receiveLater(process: SimulatedProcess, at: number, message: object): void {
    const { scheduler } = world();
    // One connection: nothing overtakes.
    this.#lastAt = Math.max(this.#lastAt, at);
    scheduler.after(this.#lastAt - scheduler.now, process, () => {
      this.#queue.push(message);
      this.#waiting?.();
    });
  }

  endLater(process: SimulatedProcess): void {
    const { scheduler, network } = world();
    const at = Math.max(this.#lastAt, scheduler.now + network.latency("nats"));
    scheduler.after(at - scheduler.now, process, () => this.end());
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (!this.#isServerDone) this.onEnd();
    this.#isServerDone = true;
    this.#waiting?.();
  }

  async close(): Promise<void> {
    this.end();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<object> {
    try {
      for (;;) {
        const next = this.#queue.shift();
        if (next !== undefined) {
          yield next;
          continue;
        }
        if (this.#isEnded) return;
        await new Promise<void>((resolve) => {
          this.#waiting = resolve;
        });
        this.#waiting = undefined;
      }
    } finally {
      this.end();
    }
  }
}

interface StreamConfigLike {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly max_msgs_per_subject: number;
}

function infoOf(stream: StreamModel) {
  return {
    created: stream.created,
    config: { name: stream.shape.name, max_bytes: 2 ** 30, num_replicas: 1 },
    state: {
      last_seq: stream.lastSequence,
      first_seq: stream.log[0]?.sequence ?? 0,
      messages: stream.log.length,
      bytes: stream.log.length * 1_000,
    },
  };
}

export async function jetstreamManager(connection: NatsConnection) {
  const { process } = connection as unknown as SimulatedConnection;
  const shapeOf = ({ name, subjects, max_msgs_per_subject: messagesPerSubject }: StreamConfigLike) => ({
    name,
    subjects,
    messagesPerSubject,
  });
  return {
    streams: {
      info: (name: string) => call(process, () => infoOf(world().nats.stream(name))),
      update: (name: string, config: StreamConfigLike) =>
        call(process, () => {
          world().nats.stream(name).shape = shapeOf(config);
        }),
      add: (config: StreamConfigLike) =>
        call(process, () => {
          if (world().nats.streams.has(config.name)) throw new JetStreamRefusal(10058);
          world().nats.add(shapeOf(config));
        }),
      purge: (name: string, options: { filter?: string; seq?: number } = {}) =>
        call(process, () => world().nats.stream(name).purge(options.filter, options.seq)),
      getMessage: (name: string, query: { last_by_subj?: string; seq?: number }) =>
        call(process, (): StoredMsg => {
          const stream = world().nats.stream(name);
          const message =
            query.last_by_subj === undefined
              ? stream.bySequence(query.seq ?? 0)
              : world().network.readOf(stream, query.last_by_subj);
          if (message === undefined) throw new JetStreamRefusal(REFUSED.noMessage);
          const { subject, data, sequence, time, headers } = message;
          return {
            subject,
            data,
            seq: sequence,
            time: new Date(time),
            header: headers,
          } as unknown as StoredMsg;
        }),
    },
    consumers: {
      info: (stream: string, name: string) =>
        call(process, () => {
          const consumer = durableOf(stream, name);
          return {
            ack_floor: { stream_seq: consumer.ackFloor },
            num_pending: consumer.pending(),
            num_ack_pending: consumer.unacked,
            config: {},
          };
        }),
      add: (stream: string, config: ConsumerConfigLike) =>
        call(process, () => {
          const model = world().nats.stream(stream);
          if (model.consumers.has(config.durable_name)) return;
          model.addConsumer({
            name: config.durable_name,
            filters:
              config.filter_subjects ?? (config.filter_subject === undefined ? [] : [config.filter_subject]),
            start:
              config.deliver_policy === "last_per_subject"
                ? "last-per-subject"
                : (config.opt_start_seq ?? "all"),
            ackWaitMs: config.ack_wait / 1_000_000,
            isDurable: true,
          });
        }),
      delete: (stream: string, name: string) =>
        call(process, () => {
          durableOf(stream, name).end();
          return true;
        }),
    },
  };
}

interface ConsumerConfigLike {
  readonly durable_name: string;
  readonly filter_subject?: string;
  readonly filter_subjects?: readonly string[];
  readonly deliver_policy: string;
  readonly opt_start_seq?: number;
  readonly ack_wait: number;
}
