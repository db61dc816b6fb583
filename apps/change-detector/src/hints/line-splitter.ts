// Owns: bytes to lines. Pure but for the rest that it holds. Invariants: a line that was cut by a read is given whole
// later; no input makes it hold more than one line's limit.
const LINE_FEED = 0x0a;

export interface SplitLines {
  readonly lines: readonly string[];
  /** Lines that were too long and were dropped. */
  readonly dropped: number;
}

export class LineSplitter {
  readonly #lineBytesMax: number;
  #rest: Buffer[] = [];
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
    this.#rest = [];
    this.#restBytes = 0;
    this.#isSkipping = false;
  }

  #take(ending: Buffer): string | undefined {
    const isTooLong = this.#isSkipping || this.#restBytes + ending.length > this.#lineBytesMax;
    const line = isTooLong ? undefined : Buffer.concat([...this.#rest, ending]).toString("utf8");
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
    this.#rest.push(Buffer.from(rest));
    this.#restBytes += rest.length;
  }
}
