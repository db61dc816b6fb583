import type { Random } from "@keyferry/ports";
import { currentSpan, currentTrace, formatTraceparent, nextSpan, parseTraceparent } from "@keyferry/ports";
import { headers, type MsgHdrs } from "@nats-io/transport-node";
import type { StoredMsg } from "@nats-io/jetstream";
import { isCasLost, isMessageMissing, isRefusal, toBusError } from "./bus-error.ts";
import { type Codec, decodeOrThrow } from "./codec.ts";
import type { Link } from "./link.ts";

// A table is a stream in which the last message of a subject is the row. Invariants:
// BUS-1 every write is a compare-and-set on the last sequence of the subject (or of a filter over both lanes);
// BUS-2 every read goes to the stream's leader (a replica may be behind: hazard stale-association-read);
// BUS-3 no message ids: a repeat (delete, undelete, delete) is legitimate (hazard delete-undelete-delete).

/** A row: its value, its stream sequence (the token of the next compare-and-set) and JetStream's time in ms. */
export interface Entry<T> {
  readonly value: T;
  readonly sequence: number;
  readonly time: number;
}

/** `lost`: somebody else wrote first. Read again and decide again. */
export type PublishResult =
  | { readonly kind: "stored"; readonly sequence: number }
  | { readonly kind: "lost" };

/** A row as it lies in the stream. */
export interface RawEntry {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: MsgHdrs | undefined;
  readonly sequence: number;
  readonly time: number;
}

export interface CompareAndSet {
  /** The last sequence that the writer saw; 0: nothing may be there. */
  readonly expected: number;
  /** What the sequence is compared over, where that is more than the subject itself. */
  readonly filter?: string;
  readonly headers?: readonly (readonly [string, string])[];
}

const PUBLISH_TIMEOUT_MS = 3_000;
// Attempts after answers that did not come. More would keep a caller hanging while NATS is away; it repeats by itself.
const UNCLEAR_ATTEMPTS_MAX = 3;
const CE_TYPE_PREFIX = "io.keyferry.";

export interface Table {
  readonly link: Link;
  readonly stream: string;
  /** `ce-type` without the prefix, for example `version-event.v1`. */
  readonly messageType: string;
  readonly random: Random;
}

/** The last message on `subject`, which may be a filter; undefined if there is none. */
export async function readLast(table: Table, subject: string): Promise<RawEntry | undefined> {
  await table.link.turn();
  const { jsm } = table.link.now();
  try {
    const message: StoredMsg | null = await jsm.streams.getMessage(table.stream, { last_by_subj: subject });
    if (message === null) return undefined;
    const { data, seq, header } = message;
    return { subject: message.subject, data, sequence: seq, time: message.time.getTime(), headers: header };
  } catch (error) {
    if (isMessageMissing(error)) return undefined;
    throw toBusError(error, `Reading ${table.stream}`);
  }
}

/** As `readLast`, decoded. */
export async function readLastAs<T>(
  table: Table,
  codec: Codec<T>,
  subject: string,
): Promise<Entry<T> | undefined> {
  const raw = await readLast(table, subject);
  if (raw === undefined) return undefined;
  return { value: decodeOrThrow(codec, raw.data, raw.subject), sequence: raw.sequence, time: raw.time };
}

/**
 * Publishes by compare-and-set. If the answer does not come, the table is read: our own body there means it was
 * stored (hazard cas-lost-or-unknown). Throws `bus-unreachable` or `bus-full`.
 */
export async function compareAndSet(
  table: Table,
  subject: string,
  data: Uint8Array,
  cas: CompareAndSet,
): Promise<PublishResult> {
  await table.link.turn();
  const { js } = table.link.now();
  let failure: unknown;
  for (let attempt = 0; attempt < UNCLEAR_ATTEMPTS_MAX; attempt += 1) {
    try {
      const ack = await js.publish(subject, data, {
        timeout: PUBLISH_TIMEOUT_MS,
        retries: 0,
        headers: messageHeaders(table, cas.headers),
        expect: {
          lastSubjectSequence: cas.expected,
          ...(cas.filter === undefined ? {} : { lastSubjectSequenceSubject: cas.filter }),
        },
      });
      return { kind: "stored", sequence: ack.seq };
    } catch (error) {
      failure = error;
      if (isCasLost(error) && attempt === 0) return { kind: "lost" };
      if (isRefusal(error) && !isCasLost(error)) throw toBusError(error, `Publishing to ${table.stream}`);
    }
    const settled = await lookForOwn(table, subject, data, cas);
    if (settled !== undefined) return settled;
  }
  throw toBusError(failure, `Publishing to ${table.stream}`);
}

// After a publish whose answer is missing: our body there = stored, another's = lost, nothing new = try again.
async function lookForOwn(
  table: Table,
  subject: string,
  data: Uint8Array,
  cas: CompareAndSet,
): Promise<PublishResult | undefined> {
  const last = await readLast(table, cas.filter ?? subject);
  if (last === undefined || last.sequence <= cas.expected) return undefined;
  const own = last.subject === subject && Buffer.from(last.data).equals(Buffer.from(data));
  return own ? { kind: "stored", sequence: last.sequence } : { kind: "lost" };
}

function messageHeaders(table: Table, extra: CompareAndSet["headers"]): MsgHdrs {
  const result = headers();
  // CloudEvents, binary mode. The id names this message, it is not for deduplication (BUS-3).
  result.set("ce-specversion", "1.0");
  result.set("ce-id", table.random.uuid());
  result.set("ce-type", `${CE_TYPE_PREFIX}${table.messageType}`);
  result.set("ce-source", "keyferry");
  result.set("traceparent", runningTraceparent(table.random));
  for (const [name, value] of extra ?? []) result.set(name, value);
  return result;
}

/** Of the running span, so that what a message causes hangs under what sent it; of a new trace outside of all. */
function runningTraceparent(random: Random): string {
  return formatTraceparent(currentSpan() ?? nextSpan(currentTrace(), random));
}

/** The trace that a message carries. */
export function traceOf(messageHeaders: MsgHdrs | undefined): ReturnType<typeof parseTraceparent> {
  return parseTraceparent(messageHeaders?.get("traceparent"));
}

/** Removes every message on a subject. Only for what is dead: views are not told. */
export async function purgeSubject(table: Table, subject: string): Promise<void> {
  try {
    await table.link.now().jsm.streams.purge(table.stream, { filter: subject });
  } catch (error) {
    throw toBusError(error, `Purging ${table.stream}`);
  }
}
