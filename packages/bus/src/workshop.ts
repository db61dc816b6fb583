import { KeyferryError } from "@keyferry/errors";
import type { Clock, Logger, Random } from "@keyferry/ports";
import type { DeadLetter } from "@keyferry/contracts";
import type { Codec } from "./codec.ts";
import {
  type Consumption,
  type ConsumeOptions,
  type Decision,
  type HandlerContext,
  startConsumption,
} from "./consume.ts";
import type { Link } from "./link.ts";
import type { Delivery } from "./pull.ts";
import { placeOf } from "./subjects.ts";
import type { Entry, Table } from "./table.ts";

/** What tables are made with, and the one way in which a message that can't be read is dealt with. */
export interface Workshop {
  readonly link: Link;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  table(stream: string, messageType: string): Table;
  consume<T>(
    stream: string,
    durable: string,
    codec: Codec<T>,
    options: ConsumeOptions,
    handle: (message: Delivery, entry: Entry<T>, context: HandlerContext) => Promise<Decision>,
  ): Promise<Consumption>;
}

export interface WorkshopOptions {
  readonly link: Link;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  readonly service: string;
  readonly publishDeadLetter: (letter: DeadLetter, destination: string, key: string) => Promise<void>;
}

// A newer service may be on its way during a rolling upgrade: the message stays for it (O10).
const UNKNOWN_MAJOR_RETRY_MS = 30_000;
const UNKNOWN_MAJOR_LETTER_AFTER_MS = 600_000;

export function createWorkshop(options: WorkshopOptions): Workshop {
  const { link, logger, clock, random } = options;
  return {
    link,
    logger,
    clock,
    random,
    table: (stream, messageType) => ({ link, stream, messageType, random }),
    async consume(stream, durable, codec, consumeOptions, handle) {
      return startConsumption(
        {
          link,
          stream,
          durable,
          logger,
          clock,
          random,
          async handle(message, context) {
            const decoded = codec.decode(message.data);
            const { seq, storedAt: time } = message;
            if (decoded.kind === "ok") {
              return handle(message, { value: decoded.value, sequence: seq, time }, context);
            }
            return unreadable(options, message, time, decoded);
          },
        },
        consumeOptions,
      );
    },
  };
}

async function unreadable(
  { logger, clock, service, publishDeadLetter }: WorkshopOptions,
  message: Delivery,
  time: number,
  decoded: { kind: "unknown-major"; major: number } | { kind: "invalid"; why: string },
): Promise<Decision> {
  const { subject } = message;
  const sequence = message.seq;
  const age = clock.now() - time;
  const why = decoded.kind === "invalid" ? decoded.why : `major ${decoded.major}`;
  logger.warn({ subject, sequence, why }, "a message can't be read");
  const isDue =
    decoded.kind === "invalid" ||
    // Once: within the one retry that crosses the limit.
    (age >= UNKNOWN_MAJOR_LETTER_AFTER_MS && age < UNKNOWN_MAJOR_LETTER_AFTER_MS + UNKNOWN_MAJOR_RETRY_MS);
  if (isDue) {
    const error = new KeyferryError("message-unreadable", "A message does not match its schema", {
      subject,
      why,
    });
    const at = new Date(clock.now()).toISOString();
    const { destination, key } = placeOf(subject);
    const letter = { major: 1, service, subject, sequence, reason: why, error: error.report(), at } as const;
    await publishDeadLetter(letter, destination, key);
  }
  return decoded.kind === "invalid" ? { kind: "ack" } : { kind: "retry", afterMs: UNKNOWN_MAJOR_RETRY_MS };
}
