import type { Logger } from "@keyferry/ports";
import { type Consumer, type ConsumerMessages, DeliverPolicy, type JsMsg } from "@nats-io/jetstream";
import { toBusError } from "./bus-error.ts";
import type { Codec } from "./codec.ts";
import { type Entry, type Table, traceOf } from "./table.ts";

// Owns: reading a stream's past in its own order, once, up to where it ended when the reading began. For people and for
// replay; nothing on the way of a change reads by this.

/** Which part of a stream: from a sequence or from a time on, in its order. */
export interface HistoryRange {
  /** The first sequence to give. */
  readonly fromSequence?: number;
  /** Milliseconds since 1970, by JetStream's clock; counts if there is no `fromSequence`. */
  readonly since?: number;
  /** The last sequence to give; absent: the stream's last of this moment. */
  readonly throughSequence?: number;
}

/** A message of the past. */
export interface Past<T> extends Entry<T> {
  readonly subject: string;
  /** The trace that it belongs to; undefined if it carries none. */
  readonly traceId: string | undefined;
}

const BATCH = 1_000;
const EXPIRES_MS = 5_000;
const IDLE_HEARTBEAT_MS = 1_000;

/** Yields the range; what can't be read is left out and logged. @throws KeyferryError `bus-*` */
export async function* readHistory<T>(
  table: Table,
  codec: Codec<T>,
  subjects: string | readonly string[],
  range: HistoryRange,
  logger: Logger,
  signal: AbortSignal,
): AsyncGenerator<Past<T>> {
  const { js } = table.link.now();
  let consumer: Consumer | undefined;
  let messages: ConsumerMessages | undefined;
  const end = (): void => void messages?.close();
  signal.addEventListener("abort", end, { once: true });
  try {
    consumer = await js.consumers.get(table.stream, {
      filter_subjects: typeof subjects === "string" ? subjects : [...subjects],
      ...startOf(range),
    });
    if ((await consumer.info()).num_pending === 0) return;
    messages = await consumer.consume({
      max_messages: BATCH,
      expires: EXPIRES_MS,
      idle_heartbeat: IDLE_HEARTBEAT_MS,
    });
    for await (const message of messages) {
      signal.throwIfAborted();
      if (range.throughSequence !== undefined && message.seq > range.throughSequence) return;
      const past = pastOf(message, codec, logger);
      if (past !== undefined) yield past;
      if (message.info.pending === 0) return;
    }
    signal.throwIfAborted();
  } catch (error) {
    signal.throwIfAborted();
    throw toBusError(error, `Reading the history of ${table.stream}`);
  } finally {
    signal.removeEventListener("abort", end);
    await messages?.close();
    await consumer?.delete().catch(() => undefined); // away: the server drops it by itself later
  }
}

function startOf({ fromSequence, since }: HistoryRange) {
  if (fromSequence !== undefined) {
    return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(1, fromSequence) };
  }
  if (since === undefined) return { deliver_policy: DeliverPolicy.All };
  return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(since).toISOString() };
}

function pastOf<T>(message: JsMsg, codec: Codec<T>, logger: Logger): Past<T> | undefined {
  // A deletion marker of a bucket has no body.
  if (message.data.length === 0) return undefined;
  const decoded = codec.decode(message.data);
  if (decoded.kind !== "ok") {
    logger.debug({ subject: message.subject, sequence: message.seq }, "a message of the past can't be read");
    return undefined;
  }
  return {
    subject: message.subject,
    value: decoded.value,
    sequence: message.seq,
    time: Math.floor(message.info.timestampNanos / 1_000_000),
    traceId: traceOf(message.headers)?.traceId,
  };
}

/** How far a stream reaches: when it was made, its first and last message. */
export interface StreamExtent {
  readonly created: number;
  readonly firstSequence: number;
  readonly firstTime: number | undefined;
  readonly lastSequence: number;
  readonly lastTime: number | undefined;
  readonly messages: number;
  readonly sizeBytes: number;
  readonly sizeBytesMax: number;
  readonly replicas: number;
}

/** @throws KeyferryError `bus-*` */
export async function extentOf(table: Table): Promise<StreamExtent> {
  try {
    const { config, created, state } = await table.link.now().jsm.streams.info(table.stream);
    const timeOf = (text: string): number | undefined =>
      state.messages === 0 ? undefined : Date.parse(text);
    return {
      created: Date.parse(created),
      firstSequence: state.first_seq,
      firstTime: timeOf(state.first_ts),
      lastSequence: state.last_seq,
      lastTime: timeOf(state.last_ts),
      messages: state.messages,
      sizeBytes: state.bytes,
      sizeBytesMax: config.max_bytes,
      replicas: config.num_replicas,
    };
  } catch (error) {
    throw toBusError(error, `Looking at ${table.stream}`);
  }
}
