// Owns: a log that keeps the newest records and counts what it dropped.

export class BoundedLog<Record> {
  readonly #max: number;
  #records: Record[] = [];
  #nextSeq = 1;
  #dropped = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** The number that the next record gets; the first is 1. */
  get nextSeq(): number {
    return this.#nextSeq;
  }

  get dropped(): number {
    return this.#dropped;
  }

  push(record: Record): void {
    this.#records.push(record);
    this.#nextSeq += 1;
    // Cut in one piece at twice the size: cheap per record, and never fewer than `max` of them at hand.
    if (this.#records.length >= this.#max * 2) {
      this.#records = this.#records.slice(-this.#max);
      this.#dropped += this.#max;
    }
  }

  filter(keep: (record: Record) => boolean): Record[] {
    return this.#records.filter(keep);
  }

  clear(): void {
    this.#records = [];
    this.#nextSeq = 1;
    this.#dropped = 0;
  }
}
