import { type DeadLetter, deadLetterSchema } from "@keyferry/contracts";
import { isMessageMissing, toBusError } from "./bus-error.ts";
import { decodeOrThrow, jsonCodec } from "./codec.ts";
import { type Past, readHistory } from "./history.ts";
import { deadLetterSubject, DLQ_STREAM, DLQ_SUBJECTS } from "./subjects.ts";
import type { Workshop } from "./workshop.ts";

const codec = jsonCodec(deadLetterSchema);

/** A letter with its place: the number by which a person names it. */
export interface StoredLetter {
  readonly sequence: number;
  readonly subject: string;
  readonly time: number;
  readonly letter: DeadLetter;
  /** `-`: it belongs to none. */
  readonly destination: string;
  readonly key: string;
}

/** SYNC_DLQ: what needs a person. */
export class DeadLetters {
  readonly #workshop: Workshop;

  constructor(workshop: Workshop) {
    this.#workshop = workshop;
  }

  async publish(letter: DeadLetter, destination = "-", key = "-"): Promise<void> {
    try {
      const subject = deadLetterSubject(letter.service, destination, key);
      await this.#workshop.link.now().js.publish(subject, codec.encode(letter));
    } catch (error) {
      throw toBusError(error, "Publishing a dead letter");
    }
  }

  /** Every letter that lies there, oldest first. @throws KeyferryError `bus-*` */
  async *list(signal: AbortSignal): AsyncGenerator<StoredLetter> {
    const { logger } = this.#workshop;
    const table = this.#workshop.table(DLQ_STREAM, "dead-letter.v1");
    for await (const past of readHistory(table, codec, DLQ_SUBJECTS, {}, logger, signal))
      yield storedOf(past);
  }

  /** One letter; undefined: it is not there (any more). @throws KeyferryError `bus-*`, `message-unreadable` */
  async get(sequence: number): Promise<StoredLetter | undefined> {
    const { jsm } = this.#workshop.link.now();
    try {
      const message = await jsm.streams.getMessage(DLQ_STREAM, { seq: sequence });
      if (message === null) return undefined;
      const value = decodeOrThrow(codec, message.data, message.subject);
      const time = message.time.getTime();
      return storedOf({ value, sequence, time, subject: message.subject, traceId: undefined });
    } catch (error) {
      if (isMessageMissing(error)) return undefined;
      throw toBusError(error, "Reading a dead letter");
    }
  }

  /**
   * Takes a letter away. Letters of one subject that are older go with it: streams forbid to delete single messages,
   * so that history can't be edited, and what is older of the same thing is settled with it.
   */
  async drop({ sequence, subject }: Pick<StoredLetter, "sequence" | "subject">): Promise<void> {
    try {
      await this.#workshop.link.now().jsm.streams.purge(DLQ_STREAM, { filter: subject, seq: sequence + 1 });
    } catch (error) {
      throw toBusError(error, "Dropping a dead letter");
    }
  }
}

function storedOf({ value, sequence, time, subject }: Past<DeadLetter>): StoredLetter {
  // sync.dlq.<service>.<destination>.<k>
  const [, , , destination = "-", key = "-"] = subject.split(".");
  return { sequence, subject, time, letter: value, destination, key };
}
