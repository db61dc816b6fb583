import type { Consumption, ConsumeOptions } from "./consume.ts";
import { type Codec, decodeOrThrow } from "./codec.ts";
import { type BucketName, bucketKeyOf, bucketStream, bucketSubject, bucketSubjects } from "./subjects.ts";
import { compareAndSet, type Entry, type PublishResult, readLast, type Table } from "./table.ts";
import type { Handler } from "./tables.ts";
import { startView, type View } from "./view.ts";
import type { Workshop } from "./workshop.ts";

// A bucket is JetStream's KV layout (ADR-8 of NATS: subject `$KV.<bucket>.<key>`, deletion by a marker), so that the
// `nats kv` command reads it; all writes are compare-and-set on the key's revision.

const OPERATION_HEADER = "KV-Operation";
const DELETION = "DEL";

export interface BucketMessage<T> {
  readonly key: string;
  /** Undefined: the key was deleted. */
  readonly entry: Entry<T> | undefined;
  readonly revision: number;
}

/** A bucket of records of one schema, or the part of one whose keys begin with `prefix`. */
export class Bucket<T> {
  readonly #workshop: Workshop;
  readonly #table: Table;
  readonly #bucket: BucketName;
  readonly #codec: Codec<T>;
  readonly #prefix: string | undefined;

  /** `prefix` is the first token of the keys that hold `T`, where a bucket holds several kinds of records. */
  constructor(workshop: Workshop, bucket: BucketName, codec: Codec<T>, prefix?: string) {
    this.#workshop = workshop;
    this.#bucket = bucket;
    this.#codec = codec;
    this.#prefix = prefix;
    this.#table = workshop.table(bucketStream(bucket), `${bucket}.v1`);
  }

  /** The record under `key`, read from the leader. */
  async get(key: string): Promise<Entry<T> | undefined> {
    return (await this.read(key)).entry;
  }

  /** The record and the key's revision, which a deleted key has too. */
  async read(key: string): Promise<{ entry: Entry<T> | undefined; revision: number }> {
    const raw = await readLast(this.#table, bucketSubject(this.#bucket, key));
    if (raw === undefined) return { entry: undefined, revision: 0 };
    if (raw.headers?.get(OPERATION_HEADER)) return { entry: undefined, revision: raw.sequence };
    const value = decodeOrThrow(this.#codec, raw.data, raw.subject);
    return { entry: { value, sequence: raw.sequence, time: raw.time }, revision: raw.sequence };
  }

  /** Writes by compare-and-set. Revision 0 means that the key must not exist; a deleted key counts as absent. */
  async put(key: string, value: T, expectedRevision: number): Promise<PublishResult> {
    const data = this.#codec.encode(value);
    const subject = bucketSubject(this.#bucket, key);
    const result = await compareAndSet(this.#table, subject, data, { expected: expectedRevision });
    if (result.kind === "stored" || expectedRevision !== 0) return result;
    const { entry, revision } = await this.read(key);
    if (entry !== undefined) return result;
    return compareAndSet(this.#table, subject, data, { expected: revision });
  }

  /** Marks the key deleted, by compare-and-set. */
  delete(key: string, expectedRevision: number): Promise<PublishResult> {
    return compareAndSet(this.#table, bucketSubject(this.#bucket, key), new Uint8Array(), {
      expected: expectedRevision,
      headers: [[OPERATION_HEADER, DELETION]],
    });
  }

  /** An in-memory copy that ends with `signal`. */
  watch(signal: AbortSignal): Promise<View<T>> {
    const codec = this.#codec;
    const bucket = this.#bucket;
    return startView<T>(signal, {
      table: this.#table,
      subjects: bucketSubjects(bucket, this.#prefix),
      logger: this.#workshop.logger,
      rowOf(subject, data, isDeletion) {
        const key = bucketKeyOf(bucket, subject);
        if (isDeletion) return { key, value: undefined };
        const decoded = codec.decode(data);
        return decoded.kind === "ok" ? { key, value: decoded.value } : undefined;
      },
    });
  }

  /** A durable on the bucket's own stream: the resolvers see each write (hazard crash-after-the-kv-write). */
  consume(
    durable: string,
    handler: Handler<BucketMessage<T>>,
    options: ConsumeOptions,
  ): Promise<Consumption> {
    const orDeleted: Codec<T | undefined> = {
      encode: (value) => (value === undefined ? new Uint8Array() : this.#codec.encode(value)),
      decode: (bytes) => (bytes.length === 0 ? { kind: "ok", value: undefined } : this.#codec.decode(bytes)),
    };
    return this.#workshop.consume(
      bucketStream(this.#bucket),
      durable,
      orDeleted,
      options,
      (message, { value, sequence, time }, context) => {
        const key = bucketKeyOf(this.#bucket, message.subject);
        const entry = value === undefined ? undefined : { value, sequence, time };
        return handler({ key, entry, revision: sequence }, context);
      },
    );
  }
}
