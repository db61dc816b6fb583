import { type Clock, type Logger, systemClock } from "@keyferry/ports";
import { DeliverPolicy, type ConsumerMessages, type JsMsg } from "@nats-io/jetstream";
import { toBusError } from "./bus-error.ts";
import { type Entry, readLast, type Table } from "./table.ts";

// Owns: an in-memory copy of a table that follows its stream. A view may lag; who needs it not to calls caughtUp().

/** An in-memory copy of a table's rows. */
export interface View<T> extends AsyncDisposable {
  readonly size: number;
  get(key: string): Entry<T> | undefined;
  entries(): IterableIterator<[string, Entry<T>]>;
  /** Resolves when the view holds everything that was in the stream at the call (O17). Throws `bus-unreachable`. */
  caughtUp(signal?: AbortSignal): Promise<void>;
  /** Resolves when the view holds every row up to this sequence of the stream, for who has written it. */
  reached(sequence: number, signal?: AbortSignal): Promise<void>;
  /** Calls `listener` with each change after the call; `undefined` means that the row was deleted. Returns its end. */
  onChange(listener: (key: string, entry: Entry<T> | undefined) => void): () => void;
  close(): Promise<void>;
}

export interface ViewSource<T> {
  readonly table: Table;
  /** Subjects that the view follows. */
  readonly subjects: string;
  /** Row of a message: its key, and its value, which is undefined for a deletion marker. Undefined: not a row. */
  readonly rowOf: (
    subject: string,
    data: Uint8Array,
    isDeletion: boolean,
  ) => { key: string; value: T | undefined } | undefined;
  readonly logger: Logger;
  readonly clock?: Clock;
}

const REOPEN_MS = 500;
const IDLE_HEARTBEAT_MS = 1_000;
const EXPIRES_MS = 5_000;
const BATCH = 1_000;

/** Starts a view that ends with `signal`; it is complete after the first caughtUp(). */
export async function startView<T>(signal: AbortSignal, source: ViewSource<T>): Promise<View<T>> {
  signal.throwIfAborted();
  const view = new FollowingView(source);
  signal.addEventListener("abort", () => void view.close(), { once: true });
  return view;
}

class FollowingView<T> implements View<T> {
  readonly #source: ViewSource<T>;
  readonly #clock: Clock;
  readonly #rows = new Map<string, Entry<T>>();
  readonly #listeners = new Set<(key: string, entry: Entry<T> | undefined) => void>();
  readonly #waiting = new Set<{ sequence: number; resolve: () => void }>();
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;
  #messages: ConsumerMessages | undefined;
  #reached = 0;
  #created: string | undefined;

  constructor(source: ViewSource<T>) {
    this.#source = source;
    this.#clock = source.clock ?? systemClock;
    this.#loop = this.#run();
  }

  get size(): number {
    return this.#rows.size;
  }

  get(key: string): Entry<T> | undefined {
    return this.#rows.get(key);
  }

  entries(): IterableIterator<[string, Entry<T>]> {
    return this.#rows.entries();
  }

  async caughtUp(signal?: AbortSignal): Promise<void> {
    const last = await readLast(this.#source.table, this.#source.subjects);
    if (last !== undefined) await this.reached(last.sequence, signal);
  }

  async reached(sequence: number, signal?: AbortSignal): Promise<void> {
    if (sequence <= this.#reached) return;
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const giveUp = () => {
        this.#waiting.delete(waiter);
        reject(signal?.reason);
      };
      const waiter = {
        sequence,
        resolve: () => {
          signal?.removeEventListener("abort", giveUp);
          resolve();
        },
      };
      this.#waiting.add(waiter);
      signal?.addEventListener("abort", giveUp, { once: true });
    });
  }

  onChange(listener: (key: string, entry: Entry<T> | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#messages?.close();
    await this.#loop;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run(): Promise<void> {
    const { table, subjects, logger } = this.#source;
    while (!this.#stop.signal.aborted && !table.link.signal.aborted) {
      try {
        const { js } = await table.link.connected();
        await this.#forgetAnotherPast();
        const consumer = await js.consumers.get(table.stream, {
          filter_subjects: subjects,
          deliver_policy: DeliverPolicy.LastPerSubject,
        });
        this.#messages = await consumer.consume({
          max_messages: BATCH,
          expires: EXPIRES_MS,
          idle_heartbeat: IDLE_HEARTBEAT_MS,
        });
        if (this.#stop.signal.aborted) await this.#messages.close();
        for await (const message of this.#messages) this.#apply(message);
      } catch (error) {
        const { code, details } = toBusError(error, `Following ${table.stream}`);
        logger.debug({ stream: table.stream, code, ...details }, "view reopened");
      }
      await this.#clock.sleep(REOPEN_MS, this.#stop.signal).catch(() => undefined);
    }
  }

  // A stream that was made anew, or restored from an older backup, begins with sequences below those of the rows here:
  // they would hide what it holds now. Such a stream is noticed here, as its consumers went with it.
  async #forgetAnotherPast(): Promise<void> {
    const { table } = this.#source;
    const { created, state } = await table.link.now().jsm.streams.info(table.stream);
    const isAnother = this.#created !== undefined && this.#created !== created;
    this.#created = created;
    if (!isAnother && state.last_seq >= this.#reached) return;
    this.#reached = 0;
    for (const key of this.#rows.keys()) {
      this.#rows.delete(key);
      for (const listener of this.#listeners) listener(key, undefined);
    }
  }

  #apply(message: JsMsg): void {
    const sequence = message.seq;
    const { timestampNanos } = message.info;
    const operation = message.headers?.get("KV-Operation") ?? "";
    const row = this.#source.rowOf(
      message.subject,
      message.data,
      operation === "DEL" || operation === "PURGE",
    );
    const known = row && this.#rows.get(row.key);
    // A reopened view starts with the last message of each subject anew; what it has already is not news.
    if (row !== undefined && (known === undefined || known.sequence < sequence)) {
      const entry =
        row.value === undefined
          ? undefined
          : { value: row.value, sequence, time: Math.floor(timestampNanos / 1_000_000) };
      if (entry === undefined) this.#rows.delete(row.key);
      else this.#rows.set(row.key, entry);
      for (const listener of this.#listeners) listener(row.key, entry);
    }
    this.#reached = Math.max(this.#reached, sequence);
    for (const waiter of this.#waiting) {
      if (waiter.sequence > this.#reached) continue;
      this.#waiting.delete(waiter);
      waiter.resolve();
    }
  }
}
