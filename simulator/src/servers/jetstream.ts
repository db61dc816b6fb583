// Owns: JetStream as far as Keyferry uses it: streams with a limit per subject, compare-and-set, purges, snapshots.
// Does not own: consumers (consumers.ts), the wire (swap/nats-*.ts). Written from the reference, not from packages/bus.
import type { SimulatedProcess } from "../time/process.ts";
import type { Scheduler } from "../time/scheduler.ts";
import { isMatch, type StoredMessage } from "./messages.ts";
import { type ConsumerModel, type ConsumerShape, createConsumer } from "./consumers.ts";

export interface StreamShape {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly messagesPerSubject: number;
}

/** What the server refuses, by its own error codes. */
export class JetStreamRefusal extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`JetStream ${code}`);
    this.code = code;
  }
}

export const REFUSED = {
  wrongSequence: 10071,
  noStream: 10059,
  noConsumer: 10014,
  noMessage: 10037,
} as const;

interface Snapshot {
  readonly lastSequence: number;
  readonly log: readonly StoredMessage[];
}

export class StreamModel {
  shape: StreamShape;
  readonly created: string;
  lastSequence = 0;
  log: StoredMessage[] = [];
  readonly bySubject = new Map<string, StoredMessage[]>();
  readonly consumers = new Map<string, ConsumerModel>();
  readonly #scheduler: Scheduler;
  #saved: Snapshot = { lastSequence: 0, log: [] };
  #gone = 0;

  constructor(shape: StreamShape, created: string, scheduler: Scheduler) {
    this.shape = shape;
    this.created = created;
    this.#scheduler = scheduler;
  }

  publish(
    subject: string,
    data: Uint8Array,
    headers: unknown,
    expect?: { last: number; filter: string },
  ): number {
    if (expect !== undefined && (this.last(expect.filter)?.sequence ?? 0) !== expect.last) {
      throw new JetStreamRefusal(REFUSED.wrongSequence);
    }
    this.lastSequence += 1;
    const message: StoredMessage = {
      subject,
      sequence: this.lastSequence,
      data,
      headers,
      time: Math.floor(this.#scheduler.now),
      isGone: false,
    };
    this.log.push(message);
    const ofSubject = this.bySubject.get(subject) ?? [];
    this.bySubject.set(subject, ofSubject);
    ofSubject.push(message);
    while (ofSubject.length > this.shape.messagesPerSubject) this.#drop(ofSubject.shift());
    if (this.#gone > 200 && this.#gone * 2 > this.log.length) this.#compact();
    for (const consumer of this.consumers.values()) consumer.pump();
    return message.sequence;
  }

  /** The last message of a subject or of a filter. */
  last(filter: string): StoredMessage | undefined {
    if (!filter.includes("*") && !filter.includes(">")) return this.bySubject.get(filter)?.at(-1);
    let found: StoredMessage | undefined;
    for (const [subject, messages] of this.bySubject) {
      const last = messages.at(-1);
      if (last === undefined || (found !== undefined && last.sequence < found.sequence)) continue;
      if (isMatch(filter, subject)) found = last;
    }
    return found;
  }

  /** What `last` would have given at a time, as far as it is still known. */
  lastBefore(filter: string, time: number): StoredMessage | undefined {
    let found: StoredMessage | undefined;
    for (const message of this.log) {
      if (message.time > time) break;
      if (isMatch(filter, message.subject)) found = message;
    }
    return found;
  }

  purge(filter: string | undefined, below: number = Number.POSITIVE_INFINITY): void {
    for (const [subject, messages] of this.bySubject) {
      if (filter !== undefined && !isMatch(filter, subject)) continue;
      while (messages[0] !== undefined && messages[0].sequence < below) this.#drop(messages.shift());
      if (messages.length === 0) this.bySubject.delete(subject);
    }
  }

  addConsumer(shape: ConsumerShape): ConsumerModel {
    const consumer = createConsumer(this, shape, this.#scheduler);
    this.consumers.set(shape.name, consumer);
    return consumer;
  }

  /** As if everything until now had reached the disk. */
  save(): void {
    this.#saved = { lastSequence: this.lastSequence, log: this.log.filter(({ isGone }) => !isGone) };
  }

  /**
   * The server comes back with what had reached the disk: `created` stays, sequences are given out again, durables keep
   * their own idea of how far they are, and connections' own consumers are gone.
   */
  loseTail(): number {
    const lost = this.lastSequence - this.#saved.lastSequence;
    this.lastSequence = this.#saved.lastSequence;
    this.bySubject.clear();
    this.#gone = 0;
    this.log = this.#saved.log.map((message) => ({ ...message, isGone: false }));
    for (const message of this.log) {
      const ofSubject = this.bySubject.get(message.subject);
      if (ofSubject === undefined) this.bySubject.set(message.subject, [message]);
      else ofSubject.push(message);
    }
    for (const consumer of this.consumers.values()) consumer.streamRestored();
    return lost;
  }

  /** Where in the log a sequence is, or would be. */
  indexOf(sequence: number): number {
    let from = 0;
    let to = this.log.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.log[middle]?.sequence ?? 0) < sequence) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  bySequence(sequence: number): StoredMessage | undefined {
    const message = this.log[this.indexOf(sequence)];
    return message?.sequence === sequence && !message.isGone ? message : undefined;
  }

  #drop(message: StoredMessage | undefined): void {
    if (message === undefined) return;
    message.isGone = true;
    this.#gone += 1;
  }

  #compact(): void {
    this.log = this.log.filter(({ isGone }) => !isGone);
    this.#gone = 0;
  }
}

/** A listener of core NATS. */
export interface Subscription {
  readonly process: SimulatedProcess;
  readonly subject: string;
  readonly deliver: (data: Uint8Array, reply?: string) => void;
}

export class JetStreamModel {
  readonly streams = new Map<string, StreamModel>();
  readonly scheduler: Scheduler;
  /** Listeners of core subjects. */
  readonly subscriptions = new Set<Subscription>();
  #made = 0;

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler;
  }

  stream(name: string): StreamModel {
    const stream = this.streams.get(name);
    if (stream === undefined) throw new JetStreamRefusal(REFUSED.noStream);
    return stream;
  }

  add(shape: StreamShape): StreamModel {
    this.#made += 1;
    const created = new Date(this.scheduler.now + this.#made).toISOString();
    const stream = new StreamModel(shape, created, this.scheduler);
    this.streams.set(shape.name, stream);
    return stream;
  }

  /** The stream is gone with everything in it. */
  remove(name: string): void {
    const stream = this.streams.get(name);
    this.streams.delete(name);
    for (const consumer of stream?.consumers.values() ?? []) consumer.end();
  }

  streamOf(subject: string): StreamModel {
    for (const stream of this.streams.values()) {
      if (stream.shape.subjects.some((filter) => isMatch(filter, subject))) return stream;
    }
    throw new JetStreamRefusal(REFUSED.noStream);
  }
}
