import type { SyncCommand, SyncRecord } from "@keyferry/contracts";
import type { Clock } from "@keyferry/ports";
import type { Memory, ResultLog } from "../ports.ts";
import { emptyRecord, withOpeningTimes } from "./record.ts";

// The record is the last message in SYNC_RESULTS; Redis holds a copy (O25). A stale copy is found out by the
// compare-and-set of the intent, and then read again from JetStream (hazard redis-failover-stale-record).

/** A record and the sequence that the next append must expect. */
export interface LoadedRecord {
  readonly record: SyncRecord;
  readonly sequence: number;
}

export class RecordStore {
  readonly #results: ResultLog;
  readonly #memory: Pick<Memory, "records">;
  readonly #clock: Clock;

  constructor(results: ResultLog, memory: Pick<Memory, "records">, clock: Clock) {
    this.#results = results;
    this.#memory = memory;
    this.#clock = clock;
  }

  /** The record from Redis, or from JetStream where Redis has none or `fresh` is asked for. */
  async load(command: SyncCommand, options: { fresh: boolean }): Promise<LoadedRecord> {
    const { destination, secretKey } = command;
    if (!options.fresh) {
      const cached = await this.#memory.records.get(destination, secretKey);
      if (cached !== undefined) return cached;
    }
    const entry = await this.#results.last(destination, secretKey);
    if (entry === undefined) return { record: emptyRecord(command, this.#clock.now()), sequence: 0 };
    const loaded = { record: withOpeningTimes(entry.value, entry.time), sequence: entry.sequence };
    this.#remember(loaded, command.epoch);
    return loaded;
  }

  /** Appends by compare-and-set; undefined if another sink was faster. */
  async append(
    record: SyncRecord,
    expectedSequence: number,
    epoch: number,
  ): Promise<LoadedRecord | undefined> {
    const { destination, secretKey } = record;
    const result = await this.#results.append(destination, secretKey, record, expectedSequence);
    if (result.kind === "lost") {
      await this.#memory.records.forget(destination, secretKey);
      return undefined;
    }
    const loaded = { record, sequence: result.sequence };
    // Not of an intent: its outcome follows in a moment, and whoever works on the copy from before it is found out by
    // the sequence. It would stay without its JetStream time too: who has to wait for it reads the message itself.
    if (record.kind === "outcome") this.#remember(loaded, epoch);
    return loaded;
  }

  // Not waited for: it is only a copy, without which the next command reads JetStream, and commands of a connection keep
  // their order.
  #remember({ record, sequence }: LoadedRecord, epoch: number): void {
    void this.#memory.records
      .remember(record.destination, record.secretKey, { record, sequence, epoch })
      .catch(() => undefined);
  }
}
