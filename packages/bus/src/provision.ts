import type { Lane, Uid } from "@keyferry/contracts";
import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "@nats-io/jetstream";
import { isNotProvisioned, toBusError } from "./bus-error.ts";
import { ACK_WAIT_MS } from "./consume.ts";
import type { Link } from "./link.ts";
import {
  BUCKETS,
  bucketStream,
  bucketSubjects,
  type BucketName,
  DESIRED_STREAM,
  DESIRED_SUBJECTS,
  DLQ_STREAM,
  DLQ_SUBJECTS,
  EVENTS_DURABLE,
  EVENTS_STREAM,
  EVENTS_SUBJECTS,
  laneSubjects,
  RESULTS_DURABLE,
  RESULTS_STREAM,
  RESULTS_SUBJECTS,
  sinkDurable,
} from "./subjects.ts";

// Owns: the shape of every stream, bucket and durable (DESIGN section 4). The association-service alone calls it.

export interface ProvisionOptions {
  /** Copies of each stream: 3 in production, 1 on a single server. */
  readonly replicas: number;
}

const DAY_NS = 86_400_000_000_000;
const MS_NS = 1_000_000;
// Far above what concurrency lets be in hand: waiting names must not stop a destination (hazard nak-fills-ack-pending).
const ACK_PENDING_MAX = 10_000;
const GIB = 2 ** 30;
// All of Keyferry's messages are small JSON; something larger is a defect and must not fill a stream.
const MESSAGE_BYTES_MAX = 900_000;

/** Durables of the resolvers on buckets. */
export const BUCKET_DURABLES = {
  associations: "resolver-associations",
  destinations: "resolver-destinations",
  rules: "resolver-rules",
} as const;

type StreamShape = Pick<StreamConfig, "name" | "subjects" | "max_msgs_per_subject" | "max_bytes" | "max_age">;

const STREAMS: readonly StreamShape[] = [
  { name: EVENTS_STREAM, subjects: [EVENTS_SUBJECTS], max_msgs_per_subject: 64, max_bytes: GIB, max_age: 0 },
  { name: DESIRED_STREAM, subjects: [DESIRED_SUBJECTS], max_msgs_per_subject: 1, max_bytes: GIB, max_age: 0 },
  {
    name: RESULTS_STREAM,
    subjects: [RESULTS_SUBJECTS],
    max_msgs_per_subject: 20,
    max_bytes: GIB,
    max_age: 0,
  },
  {
    name: DLQ_STREAM,
    subjects: [DLQ_SUBJECTS],
    max_msgs_per_subject: 5,
    max_bytes: GIB / 4,
    max_age: 90 * DAY_NS,
  },
];

const BUCKET_HISTORY = 10;

function bucketShape(bucket: BucketName): StreamShape {
  return {
    name: bucketStream(bucket),
    subjects: [bucketSubjects(bucket)],
    max_msgs_per_subject: BUCKET_HISTORY,
    max_bytes: -1,
    max_age: 0,
  };
}

/** Makes or updates every stream, bucket and the resolvers' durables. Safe to repeat, from several at once too. */
export async function provision(link: Link, { replicas }: ProvisionOptions): Promise<void> {
  const { jsm } = await link.connected();
  try {
    for (const shape of [...STREAMS, ...BUCKETS.map(bucketShape)]) await ensureStream(jsm, shape, replicas);
    await ensureResolverConsumers(jsm);
  } catch (error) {
    throw toBusError(error, "Making the streams");
  }
}

/** True if everything that provision() makes is there. */
export async function isProvisioned(link: Link): Promise<boolean> {
  const { jsm } = link.now();
  try {
    for (const { name } of [...STREAMS, ...BUCKETS.map(bucketShape)]) await jsm.streams.info(name);
    return true;
  } catch (error) {
    if (isNotProvisioned(error)) return false;
    throw toBusError(error, "Looking for the streams");
  }
}

/** `created` and last sequence of every stream that an epoch depends on (O3). */
export async function streamInfo(
  link: Link,
): Promise<Record<string, { created: string; lastSequence: number }>> {
  const { jsm } = link.now();
  const result: Record<string, { created: string; lastSequence: number }> = {};
  try {
    for (const name of [EVENTS_STREAM, DESIRED_STREAM, RESULTS_STREAM]) {
      const { created, state } = await jsm.streams.info(name);
      result[name] = { created, lastSequence: state.last_seq };
    }
  } catch (error) {
    throw toBusError(error, "Reading the streams");
  }
  return result;
}

/**
 * Makes the resolvers' durables anew: those on a stream that lost its tail or was restored wait for sequences that are
 * past, and are deaf (O3). What they had acked is delivered again, which is harmless: every message only says "look".
 */
export async function renewResolverConsumers(link: Link): Promise<void> {
  const { jsm } = await link.connected();
  const durables: [string, string][] = [
    [EVENTS_STREAM, EVENTS_DURABLE],
    [RESULTS_STREAM, RESULTS_DURABLE],
    ...Object.entries(BUCKET_DURABLES).map(([bucket, durable]): [string, string] => [
      bucketStream(bucket as BucketName),
      durable,
    ]),
  ];
  for (const [stream, durable] of durables) {
    try {
      await jsm.consumers.delete(stream, durable);
    } catch (error) {
      if (!isNotProvisioned(error)) throw toBusError(error, "Making the resolvers' consumers anew");
    }
  }
  await ensureResolverConsumers(jsm);
}

/** Makes the durables of a destination's two lanes. */
export async function ensureSinkConsumers(link: Link, destination: Uid): Promise<void> {
  const { jsm } = link.now();
  try {
    for (const lane of ["live", "bulk"] satisfies Lane[]) {
      const durable = sinkDurable(destination, lane);
      await ensureDurable(jsm, DESIRED_STREAM, durable, laneSubjects(destination, lane));
    }
  } catch (error) {
    throw toBusError(error, "Making a destination's consumers");
  }
}

/** Drops the durables of a destination that is retired. */
export async function dropSinkConsumers(link: Link, destination: Uid): Promise<void> {
  const { jsm } = link.now();
  for (const lane of ["live", "bulk"] satisfies Lane[]) {
    try {
      await jsm.consumers.delete(DESIRED_STREAM, sinkDurable(destination, lane));
    } catch (error) {
      if (!isNotProvisioned(error)) throw toBusError(error, "Dropping a destination's consumers");
    }
  }
}

async function ensureResolverConsumers(jsm: JetStreamManager): Promise<void> {
  await ensureDurable(jsm, EVENTS_STREAM, EVENTS_DURABLE);
  await ensureDurable(
    jsm,
    RESULTS_STREAM,
    RESULTS_DURABLE,
    undefined,
    DeliverPolicy.LastPerSubject,
    RESULTS_SUBJECTS,
  );
  for (const [bucket, durable] of Object.entries(BUCKET_DURABLES)) {
    const name = bucket as keyof typeof BUCKET_DURABLES;
    await ensureDurable(
      jsm,
      bucketStream(name),
      durable,
      undefined,
      DeliverPolicy.LastPerSubject,
      bucketSubjects(name),
    );
  }
}

async function ensureStream(jsm: JetStreamManager, shape: StreamShape, replicas: number): Promise<void> {
  const config = {
    ...shape,
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    num_replicas: replicas,
    max_msg_size: MESSAGE_BYTES_MAX,
    // Reads must come from the leader (hazard stale-association-read); direct reads may come from a replica.
    allow_direct: false,
    allow_rollup_hdrs: true,
    deny_delete: true,
  };
  try {
    await jsm.streams.info(shape.name);
    await jsm.streams.update(shape.name, config);
  } catch (error) {
    if (!isNotProvisioned(error)) throw error;
    await ignoreRace(jsm.streams.add(config));
  }
}

async function ensureDurable(
  jsm: JetStreamManager,
  stream: string,
  durable: string,
  filter?: string,
  deliverPolicy: DeliverPolicy = DeliverPolicy.All,
  lastPerSubjectFilter?: string,
): Promise<void> {
  const filterSubject = filter ?? lastPerSubjectFilter;
  const config: Partial<ConsumerConfig> = {
    durable_name: durable,
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_MS * MS_NS,
    max_deliver: -1,
    max_ack_pending: ACK_PENDING_MAX,
    deliver_policy: deliverPolicy,
    ...(filterSubject === undefined ? {} : { filter_subject: filterSubject }),
  };
  try {
    await jsm.consumers.info(stream, durable);
  } catch (error) {
    if (!isNotProvisioned(error)) throw error;
    await ignoreRace(jsm.consumers.add(stream, config));
  }
}

// Two services may provision at once: whoever comes second finds it made.
async function ignoreRace(making: Promise<unknown>): Promise<void> {
  const NAME_IN_USE = 10058;
  const CONSUMER_EXISTS = 10148;
  try {
    await making;
  } catch (error) {
    const isRace =
      error instanceof JetStreamApiError && (error.code === NAME_IN_USE || error.code === CONSUMER_EXISTS);
    if (!isRace) throw error;
  }
}
