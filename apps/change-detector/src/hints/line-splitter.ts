// Owns: bytes to lines. Pure but for the rest that it holds. Invariants: a line that was cut by a read is given whole
// later; no input makes it hold more than one line's limit.
const LINE_FEED = 0x0a;
const FIRST_BYTES = 1_024; // a short entry
const KEPT_BYTES_MAX = 64 * 1024; // the room of a usual line is used again, that of a huge one given back

export interface SplitLines {
  readonly lines: readonly string[];
  /** Lines that were too long and were dropped. */
  readonly dropped: number;
}

export class LineSplitter {
  readonly #lineBytesMax: number;
  /** Grows by doubling, so that a line that comes byte by byte costs what its bytes do and not an object for each. */
  #rest = Buffer.alloc(0);
  #restBytes = 0;
  /** Inside a line that is too long: dropped up to its end. */
  #isSkipping = false;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  /** Whether a line has begun and not ended. */
  get hasRest(): boolean {
    return this.#restBytes > 0 || this.#isSkipping;
  }

  /** Bytes that are held for a line that has not ended. */
  get heldBytes(): number {
    return this.#rest.length;
  }

  push(chunk: Buffer): SplitLines {
    const lines: string[] = [];
    let dropped = 0;
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, from)) {
      const line = this.#take(chunk.subarray(from, end));
      if (line === undefined) dropped += 1;
      else lines.push(line);
      from = end + 1;
    }
    this.#keep(chunk.subarray(from));
    return { lines, dropped };
  }

  /** Forgets a line that will not be ended: the file was truncated or is over. */
  reset(): void {
    if (this.#rest.length > KEPT_BYTES_MAX) this.#rest = Buffer.alloc(0);
    this.#restBytes = 0;
    this.#isSkipping = false;
  }

  #take(ending: Buffer): string | undefined {
    const isTooLong = this.#isSkipping || this.#restBytes + ending.length > this.#lineBytesMax;
    const line = isTooLong ? undefined : this.#joined(ending);
    this.reset();
    return line;
  }

  #keep(rest: Buffer): void {
    if (rest.length === 0 || this.#isSkipping) return;
    if (this.#restBytes + rest.length > this.#lineBytesMax) {
      this.reset();
      this.#isSkipping = true;
      return;
    }
    // A copy: the chunk's buffer is read into again.
    this.#reserve(this.#restBytes + rest.length);
    rest.copy(this.#rest, this.#restBytes);
    this.#restBytes += rest.length;
  }

  #joined(ending: Buffer): string {
    if (this.#restBytes === 0) return ending.toString("utf8");
    return Buffer.concat([this.#rest.subarray(0, this.#restBytes), ending]).toString("utf8");
  }

  #reserve(sizeBytes: number): void {
    if (sizeBytes <= this.#rest.length) return;
    const roomBytes = Math.min(this.#lineBytesMax, Math.max(sizeBytes, 2 * this.#rest.length, FIRST_BYTES));
    const grown = Buffer.allocUnsafe(Math.max(sizeBytes, roomBytes));
    this.#rest.copy(grown, 0, 0, this.#restBytes);
    this.#rest = grown;
  }
}
