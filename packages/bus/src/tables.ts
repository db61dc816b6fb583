import {
  type Lane,
  type SecretKey,
  type SyncCommand,
  type SyncRecord,
  syncCommandSchema,
  syncRecordSchema,
  type Uid,
  type VersionEvent,
  versionEventSchema,
} from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import type { Consumer, ConsumerMessages, JsMsg } from "@nats-io/jetstream";
import { DeliverPolicy } from "@nats-io/jetstream";
import { toBusError } from "./bus-error.ts";
import { decodeOrThrow, jsonCodec } from "./codec.ts";
import type { Consumption, ConsumeOptions, Decision, HandlerContext } from "./consume.ts";
import { extentOf, type HistoryRange, type Past, readHistory, type StreamExtent } from "./history.ts";
import { ensureSinkConsumers, dropSinkConsumers } from "./provision.ts";
import {
  DESIRED_STREAM,
  DESIRED_SUBJECTS,
  desiredSubject,
  desiredSubjectsOf,
  destinationAndKeyOf,
  EVENTS_DURABLE,
  EVENTS_STREAM,
  eventSubject,
  eventSubjectsOf,
  pairKey,
  RESULTS_DURABLE,
  RESULTS_STREAM,
  RESULTS_SUBJECTS,
  resultSubject,
  resultSubjectsOf,
  sinkDurable,
  sourceAndKeyOf,
} from "./subjects.ts";
import {
  compareAndSet,
  type Entry,
  type PublishResult,
  purgeSubject,
  readLast,
  readLastAs,
  type Table,
} from "./table.ts";
import { startView, type View } from "./view.ts";
import type { Workshop } from "./workshop.ts";

/** Takes one decoded message and says what becomes of it. What it throws is a retry with capped backoff. */
export type Handler<M> = (message: M, context: HandlerContext) => Promise<Decision>;

export interface EventMessage {
  readonly source: string;
  readonly key: SecretKey;
  readonly entry: Entry<VersionEvent>;
}

export interface CommandMessage {
  readonly destination: Uid;
  readonly key: SecretKey;
  readonly lane: Lane;
  readonly entry: Entry<SyncCommand>;
}

export interface ResultMessage {
  readonly destination: Uid;
  readonly key: SecretKey;
  readonly entry: Entry<SyncRecord>;
}

/** A command and the lane that it lies in. */
export type LanedCommand = SyncCommand & { readonly lane: Lane };

const eventCodec = jsonCodec(versionEventSchema);
const commandCodec = jsonCodec(syncCommandSchema);
const recordCodec = jsonCodec(syncRecordSchema);

/** KV2_EVENTS: log of what was seen, and the detector's memory. */
export class EventLog {
  readonly #workshop: Workshop;
  readonly #table: Table;

  constructor(workshop: Workshop) {
    this.#workshop = workshop;
    this.#table = workshop.table(EVENTS_STREAM, "version-event.v1");
  }

  /** The last event of a secret. */
  last(source: string, key: SecretKey): Promise<Entry<VersionEvent> | undefined> {
    return readLastAs(this.#table, eventCodec, eventSubject(source, key));
  }

  /** Appends by compare-and-set; `expectedSequence` 0 means that there is no event of this secret yet. */
  append(
    source: string,
    key: SecretKey,
    event: VersionEvent,
    expectedSequence: number,
  ): Promise<PublishResult> {
    const subject = eventSubject(source, key);
    return compareAndSet(this.#table, subject, eventCodec.encode(event), { expected: expectedSequence });
  }

  /** The last event of every secret of a source, once: the detector's memory at start. */
  async *loadLast(
    source: string,
    signal: AbortSignal,
  ): AsyncIterable<{ key: SecretKey; entry: Entry<VersionEvent>; index: number; total: number }> {
    const { js } = await this.#table.link.connected();
    let consumer: Consumer | undefined;
    try {
      consumer = await js.consumers.get(EVENTS_STREAM, {
        filter_subjects: eventSubjectsOf(source),
        deliver_policy: DeliverPolicy.LastPerSubject,
      });
      const total = (await consumer.info()).num_pending;
      if (total === 0) return;
      let index = 0;
      const messages = await consumer.consume({ max_messages: 1_000, expires: 5_000, idle_heartbeat: 1_000 });
      for await (const message of messages) {
        signal.throwIfAborted();
        index += 1;
        const entry = this.#readable(message);
        if (entry !== undefined) yield { key: sourceAndKeyOf(message.subject).key, entry, index, total };
        if (message.info.pending === 0) break;
      }
    } catch (error) {
      signal.throwIfAborted();
      throw toBusError(error, "Loading the last events");
    } finally {
      await drop(consumer);
    }
  }

  /**
   * The last event of every secret of a source, then each one that comes: how a standby keeps its memory warm. `pending`
   * is how many are known to follow; 0 means that it is up to date. Ends when `signal` aborts; throws `bus-unreachable`.
   */
  async *follow(
    source: string,
    signal: AbortSignal,
  ): AsyncIterable<{ key: SecretKey; entry: Entry<VersionEvent> | undefined; pending: number }> {
    const { js } = await this.#table.link.connected();
    let consumer: Consumer | undefined;
    let messages: ConsumerMessages | undefined;
    const end = (): void => void messages?.close();
    signal.addEventListener("abort", end, { once: true });
    try {
      consumer = await js.consumers.get(EVENTS_STREAM, {
        filter_subjects: eventSubjectsOf(source),
        deliver_policy: DeliverPolicy.LastPerSubject,
      });
      messages = await consumer.consume({ max_messages: 1_000, expires: 5_000, idle_heartbeat: 1_000 });
      if (signal.aborted) return;
      for await (const message of messages) {
        const { key } = sourceAndKeyOf(message.subject);
        yield { key, entry: this.#readable(message), pending: message.info.pending };
        if (signal.aborted) return;
      }
      if (!signal.aborted) throw new KeyferryError("bus-unreachable", "The event log ended");
    } catch (error) {
      if (!signal.aborted) throw toBusError(error, "Following the events");
    } finally {
      signal.removeEventListener("abort", end);
      await messages?.close();
      await drop(consumer);
    }
  }

  /** A view of what `pick` keeps of the last event of each secret of a source, by `<k>`: small rows, whole events go. */
  watch<T>(source: string, pick: (event: VersionEvent) => T, signal: AbortSignal): Promise<View<T>> {
    return startView<T>(signal, {
      table: this.#table,
      subjects: eventSubjectsOf(source),
      logger: this.#workshop.logger,
      rowOf(subject, data) {
        const decoded = eventCodec.decode(data);
        if (decoded.kind !== "ok") return undefined;
        return { key: sourceAndKeyOf(subject).key, value: pick(decoded.value) };
      },
    });
  }

  /** The events of a source, or of one of its secrets, in their order. @throws KeyferryError `bus-*` */
  async *history(
    source: string,
    key: SecretKey | undefined,
    range: HistoryRange,
    signal: AbortSignal,
  ): AsyncGenerator<Past<VersionEvent> & { readonly key: SecretKey }> {
    const subjects = key === undefined ? eventSubjectsOf(source) : eventSubject(source, key);
    const { logger } = this.#workshop;
    for await (const past of readHistory(this.#table, eventCodec, subjects, range, logger, signal)) {
      yield { ...past, key: sourceAndKeyOf(past.subject).key };
    }
  }

  extent(): Promise<StreamExtent> {
    return extentOf(this.#table);
  }

  // One event that can't be read must not keep the detector from starting; its secret is looked at like a new one.
  #readable(message: JsMsg): Entry<VersionEvent> | undefined {
    const decoded = eventCodec.decode(message.data);
    if (decoded.kind === "ok") return entryOf(message, decoded.value);
    this.#workshop.logger.warn({ subject: message.subject, sequence: message.seq }, "an event can't be read");
    return undefined;
  }

  /** The resolvers' shared durable. */
  consume(handler: Handler<EventMessage>, options: ConsumeOptions): Promise<Consumption> {
    return this.#workshop.consume(
      EVENTS_STREAM,
      EVENTS_DURABLE,
      eventCodec,
      options,
      (message, entry, context) => handler({ ...sourceAndKeyOf(message.subject), entry }, context),
    );
  }
}

/** SYNC_DESIRED: one command per (destination, secret, lane); compare-and-set over both lanes. */
export class CommandTable {
  readonly #workshop: Workshop;
  readonly #table: Table;

  constructor(workshop: Workshop) {
    this.#workshop = workshop;
    this.#table = workshop.table(DESIRED_STREAM, "sync-command.v1");
  }

  /** The newest command of both lanes. */
  async last(destination: Uid, key: SecretKey): Promise<(Entry<SyncCommand> & { lane: Lane }) | undefined> {
    const raw = await readLast(this.#table, desiredSubjectsOf(destination, key));
    if (raw === undefined) return undefined;
    const value = decodeOrThrow(commandCodec, raw.data, raw.subject);
    return { value, sequence: raw.sequence, time: raw.time, lane: destinationAndKeyOf(raw.subject).lane };
  }

  /** Puts the wish; `expectedSequence` is that of the newest command of both lanes, 0 for none. */
  put(
    destination: Uid,
    key: SecretKey,
    lane: Lane,
    command: SyncCommand,
    expectedSequence: number,
  ): Promise<PublishResult> {
    return compareAndSet(this.#table, desiredSubject(destination, key, lane), commandCodec.encode(command), {
      expected: expectedSequence,
      filter: desiredSubjectsOf(destination, key),
    });
  }

  /** Takes a destination's commands of one lane, shared with every other sink. */
  consume(
    destination: Uid,
    lane: Lane,
    handler: Handler<CommandMessage>,
    options: ConsumeOptions,
  ): Promise<Consumption> {
    return this.#workshop.consume(
      DESIRED_STREAM,
      sinkDurable(destination, lane),
      commandCodec,
      options,
      (message, entry, context) => handler({ ...destinationAndKeyOf(message.subject), entry }, context),
    );
  }

  /** Makes a destination's two durables. The association-service alone calls this (O16). */
  ensureConsumers(destination: Uid): Promise<void> {
    return ensureSinkConsumers(this.#table.link, destination);
  }

  dropConsumers(destination: Uid): Promise<void> {
    return dropSinkConsumers(this.#table.link, destination);
  }

  /** How many commands of a lane nobody has taken yet, and how many were taken and not answered. */
  async pending(destination: Uid, lane: Lane): Promise<{ waiting: number; unacked: number }> {
    const { waiting, unacked } = await this.progress(destination, lane);
    return { waiting, unacked };
  }

  /** As `pending`; `floor`: the stream sequence at or below which every command of the lane was acked. */
  async progress(destination: Uid, lane: Lane): Promise<{ floor: number; waiting: number; unacked: number }> {
    try {
      const { jsm } = this.#table.link.now();
      const info = await jsm.consumers.info(DESIRED_STREAM, sinkDurable(destination, lane));
      const { ack_floor, num_pending: waiting, num_ack_pending: unacked } = info;
      return { floor: ack_floor.stream_seq, waiting, unacked };
    } catch (error) {
      throw toBusError(error, "Reading a sink's backlog");
    }
  }

  /** An in-memory copy, keyed by `pairKey`; where both lanes hold a command the newer one shows. */
  watch(signal: AbortSignal): Promise<View<LanedCommand>> {
    return startView<LanedCommand>(signal, {
      table: this.#table,
      subjects: DESIRED_SUBJECTS,
      logger: this.#workshop.logger,
      rowOf(subject, data) {
        const decoded = commandCodec.decode(data);
        const { destination, key, lane } = destinationAndKeyOf(subject);
        if (decoded.kind !== "ok") return undefined;
        return { key: pairKey(destination, key), value: { ...decoded.value, lane } };
      },
    });
  }

  extent(): Promise<StreamExtent> {
    return extentOf(this.#table);
  }

  /** Removes the commands of a pair that is dead. */
  purge(destination: Uid, key: SecretKey): Promise<void> {
    return purgeSubject(this.#table, desiredSubjectsOf(destination, key));
  }
}

/** SYNC_RESULTS: intents and outcomes; the last message of a pair is its whole record. */
export class ResultTable {
  readonly #workshop: Workshop;
  readonly #table: Table;

  constructor(workshop: Workshop) {
    this.#workshop = workshop;
    this.#table = workshop.table(RESULTS_STREAM, "sync-record.v1");
  }

  /** Removes the pair's records. Only for what is dead, or has been carried on elsewhere: views are not told. */
  purge(destination: Uid, key: SecretKey): Promise<void> {
    return purgeSubject(this.#table, resultSubject(destination, key));
  }

  last(destination: Uid, key: SecretKey): Promise<Entry<SyncRecord> | undefined> {
    return readLastAs(this.#table, recordCodec, resultSubject(destination, key));
  }

  append(
    destination: Uid,
    key: SecretKey,
    record: SyncRecord,
    expectedSequence: number,
  ): Promise<PublishResult> {
    return compareAndSet(this.#table, resultSubject(destination, key), recordCodec.encode(record), {
      expected: expectedSequence,
    });
  }

  /** Intents and outcomes of the past, in their order. @throws KeyferryError `bus-*` */
  async *history(
    of: { readonly destination?: Uid; readonly key?: SecretKey },
    range: HistoryRange,
    signal: AbortSignal,
  ): AsyncGenerator<Past<SyncRecord> & { readonly destination: Uid; readonly key: SecretKey }> {
    const subjects = resultSubjectsOf(of.destination, of.key);
    const { logger } = this.#workshop;
    for await (const past of readHistory(this.#table, recordCodec, subjects, range, logger, signal)) {
      const { destination, key } = destinationAndKeyOf(past.subject);
      yield { ...past, destination, key };
    }
  }

  extent(): Promise<StreamExtent> {
    return extentOf(this.#table);
  }

  /**
   * The record of every secret of a destination (`*`: of all), once, a message at a time: it is not held in memory.
   * What can't be read is told as a failure, as its names would look like nobody's. Throws `bus-unreachable`.
   */
  async *loadLast(destination: Uid, signal: AbortSignal): AsyncIterable<Entry<SyncRecord>> {
    const { js } = await this.#table.link.connected();
    let consumer: Consumer | undefined;
    try {
      consumer = await js.consumers.get(RESULTS_STREAM, {
        filter_subjects: resultSubject(destination, "*"),
        deliver_policy: DeliverPolicy.LastPerSubject,
      });
      if ((await consumer.info()).num_pending === 0) return;
      const messages = await consumer.consume({ max_messages: 1_000, expires: 5_000, idle_heartbeat: 1_000 });
      for await (const message of messages) {
        signal.throwIfAborted();
        yield entryOf(message, decodeOrThrow(recordCodec, message.data, message.subject));
        if (message.info.pending === 0) break;
      }
    } catch (error) {
      signal.throwIfAborted();
      throw toBusError(error, "Loading a destination's records");
    } finally {
      await drop(consumer);
    }
  }

  /** An in-memory copy, keyed by `pairKey`. */
  watch(signal: AbortSignal): Promise<View<SyncRecord>> {
    return startView<SyncRecord>(signal, {
      table: this.#table,
      subjects: RESULTS_SUBJECTS,
      logger: this.#workshop.logger,
      rowOf(subject, data) {
        const decoded = recordCodec.decode(data);
        const { destination, key } = destinationAndKeyOf(subject);
        return decoded.kind === "ok" ? { key: pairKey(destination, key), value: decoded.value } : undefined;
      },
    });
  }

  /** The resolvers' shared durable on outcomes. */
  consume(handler: Handler<ResultMessage>, options: ConsumeOptions): Promise<Consumption> {
    return this.#workshop.consume(
      RESULTS_STREAM,
      RESULTS_DURABLE,
      recordCodec,
      options,
      (message, entry, context) => {
        const { destination, key } = destinationAndKeyOf(message.subject);
        return handler({ destination, key, entry }, context);
      },
    );
  }
}

// The server keeps one that nobody reads for five minutes, and refuses new ones when a stream has too many.
async function drop(consumer: Consumer | undefined): Promise<void> {
  await consumer?.delete().catch(() => undefined); // away: the server drops it by itself later
}

function entryOf<T>(message: JsMsg, value: T): Entry<T> {
  return { value, sequence: message.seq, time: Math.floor(message.info.timestampNanos / 1_000_000) };
}
