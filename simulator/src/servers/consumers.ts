// Owns: a consumer of a stream: what it hands out next, what is in hand, what comes again. Durables are shared by pulls
// of several processes and redeliver after ack_wait; an ordered consumer (of one connection) hands out everything once.
import type { SimulatedProcess } from "../time/process.ts";
import type { Scheduler } from "../time/scheduler.ts";
import { isMatch, type StoredMessage } from "./messages.ts";

/** The stream, as its consumers see it. */
export interface MessageSource {
  readonly lastSequence: number;
  readonly log: readonly StoredMessage[];
  readonly bySubject: ReadonlyMap<string, readonly StoredMessage[]>;
  readonly consumers: Map<string, ConsumerModel>;
  indexOf(sequence: number): number;
  bySequence(sequence: number): StoredMessage | undefined;
}

export interface ConsumerShape {
  readonly name: string;
  readonly filters: readonly string[];
  readonly start: "all" | "last-per-subject" | number;
  /** 0: nothing is acknowledged. */
  readonly ackWaitMs: number;
  readonly isDurable: boolean;
}

export interface Delivery {
  readonly message: StoredMessage;
  readonly deliveryCount: number;
  readonly pending: number;
}

/** A place where messages go: a pull of one process. */
export interface Pull {
  readonly process: SimulatedProcess;
  left: number;
  readonly deliver: (delivery: Delivery) => void;
  /** The consumer ended: nothing more will come. */
  readonly onEnd: () => void;
}

interface InHand {
  deadline: number;
  count: number;
}

export interface ConsumerModel {
  readonly shape: ConsumerShape;
  readonly ackFloor: number;
  /** Handed out and not answered. */
  readonly unacked: number;
  pending(): number;
  pull(pull: Pull): void;
  unpull(pull: Pull): void;
  ack(sequence: number): void;
  nak(sequence: number, afterMs: number): void;
  working(sequence: number): void;
  pump(): void;
  streamRestored(): void;
  /** A process is dead: its pulls go, and so does a consumer that was its own. */
  drop(process: SimulatedProcess): void;
  end(): void;
}

export function createConsumer(
  stream: MessageSource,
  shape: ConsumerShape,
  scheduler: Scheduler,
): ConsumerModel {
  return new Consumer(stream, shape, scheduler);
}

class Consumer implements ConsumerModel {
  readonly shape: ConsumerShape;
  readonly #stream: MessageSource;
  readonly #scheduler: Scheduler;
  readonly #pulls: Pull[] = [];
  /** Delivered and not acknowledged. */
  readonly #inHand = new Map<number, InHand>();
  readonly #counts = new Map<number, number>();
  /** Due again, by the time. */
  readonly #again = new Map<number, number>();
  #first: number[] = [];
  #next: number;
  #delivered = 0;
  #isEnded = false;

  constructor(stream: MessageSource, shape: ConsumerShape, scheduler: Scheduler) {
    this.#stream = stream;
    this.shape = shape;
    this.#scheduler = scheduler;
    this.#next = 1;
    if (typeof shape.start === "number") this.#next = shape.start;
    if (shape.start === "last-per-subject") {
      for (const [subject, messages] of stream.bySubject) {
        const last = messages.at(-1);
        if (last !== undefined && this.#wants(subject)) this.#first.push(last.sequence);
      }
      this.#first.sort((a, b) => a - b);
      this.#next = stream.lastSequence + 1;
    }
  }

  get ackFloor(): number {
    let floor = this.#delivered;
    for (const sequence of this.#inHand.keys()) floor = Math.min(floor, sequence - 1);
    return floor;
  }

  get unacked(): number {
    return this.#inHand.size;
  }

  pending(): number {
    let count = this.#first.length;
    for (let index = this.#stream.indexOf(this.#next); index < this.#stream.log.length; index += 1) {
      const message = this.#stream.log[index];
      if (message !== undefined && !message.isGone && this.#wants(message.subject)) count += 1;
    }
    return count;
  }

  pull(pull: Pull): void {
    if (this.#isEnded) return pull.onEnd();
    this.#pulls.push(pull);
    this.pump();
  }

  unpull(pull: Pull): void {
    const index = this.#pulls.indexOf(pull);
    if (index >= 0) this.#pulls.splice(index, 1);
  }

  ack(sequence: number): void {
    this.#inHand.delete(sequence);
    this.#again.delete(sequence);
    this.#counts.delete(sequence);
  }

  nak(sequence: number, afterMs: number): void {
    const inHand = this.#inHand.get(sequence);
    if (inHand === undefined) return;
    inHand.deadline = Number.POSITIVE_INFINITY;
    this.#again.set(sequence, this.#scheduler.now + afterMs);
    this.#scheduler.after(afterMs, undefined, () => this.pump());
  }

  working(sequence: number): void {
    const inHand = this.#inHand.get(sequence);
    if (inHand === undefined || inHand.deadline === Number.POSITIVE_INFINITY) return;
    inHand.deadline = this.#scheduler.now + this.shape.ackWaitMs;
    this.#watch(sequence);
  }

  pump(): void {
    while (this.#pulls.length > 0 && !this.#isEnded) {
      const pull = this.#takePull();
      if (pull === undefined) return;
      const message = this.#takeMessage();
      if (message === undefined) {
        this.#pulls.unshift(pull);
        return;
      }
      pull.left -= 1;
      if (pull.left > 0) this.#pulls.push(pull);
      this.#hand(pull, message);
    }
  }

  streamRestored(): void {
    if (!this.shape.isDurable) return this.end();
    // It keeps its own place: what lies below it is not delivered (hazard tail-lost).
    for (const sequence of this.#inHand.keys()) {
      if (this.#stream.bySequence(sequence) === undefined) this.ack(sequence);
    }
    this.#first = this.#first.filter((sequence) => this.#stream.bySequence(sequence) !== undefined);
  }

  drop(process: SimulatedProcess): void {
    const own = this.#pulls.filter((pull) => pull.process === process);
    for (const pull of own) this.unpull(pull);
    if (own.length > 0 && !this.shape.isDurable) this.end();
  }

  end(): void {
    this.#isEnded = true;
    this.#stream.consumers.delete(this.shape.name);
    for (const pull of this.#pulls.splice(0)) pull.onEnd();
  }

  #takePull(): Pull | undefined {
    for (;;) {
      const pull = this.#pulls.shift();
      if (pull === undefined || !pull.process.isDead) return pull;
    }
  }

  #takeMessage(): StoredMessage | undefined {
    const { now } = this.#scheduler;
    for (const [sequence, at] of this.#again) {
      if (at > now) continue;
      this.#again.delete(sequence);
      const message = this.#stream.bySequence(sequence);
      if (message !== undefined) return message;
      this.ack(sequence);
    }
    for (let sequence = this.#first.shift(); sequence !== undefined; sequence = this.#first.shift()) {
      const message = this.#stream.bySequence(sequence);
      if (message !== undefined) return message;
    }
    for (let index = this.#stream.indexOf(this.#next); index < this.#stream.log.length; index += 1) {
      const message = this.#stream.log[index];
      if (message === undefined) break;
      this.#next = message.sequence + 1;
      if (!message.isGone && this.#wants(message.subject)) return message;
    }
    return undefined;
  }

  #hand(pull: Pull, message: StoredMessage): void {
    const { sequence } = message;
    const deliveryCount = (this.#counts.get(sequence) ?? 0) + 1;
    this.#delivered = Math.max(this.#delivered, sequence);
    if (this.shape.ackWaitMs > 0) {
      this.#counts.set(sequence, deliveryCount);
      this.#inHand.set(sequence, {
        deadline: this.#scheduler.now + this.shape.ackWaitMs,
        count: deliveryCount,
      });
      this.#watch(sequence);
    }
    pull.deliver({ message, deliveryCount, pending: this.pending() });
  }

  #watch(sequence: number): void {
    this.#scheduler.after(this.shape.ackWaitMs, undefined, () => {
      const inHand = this.#inHand.get(sequence);
      if (inHand === undefined || inHand.deadline > this.#scheduler.now) return;
      inHand.deadline = Number.POSITIVE_INFINITY;
      this.#again.set(sequence, this.#scheduler.now);
      this.pump();
    });
  }

  #wants(subject: string): boolean {
    return this.shape.filters.length === 0 || this.shape.filters.some((filter) => isMatch(filter, subject));
  }
}
