// Owns: lines between a socket that must never wait and the parsing of them: Vault holds a lock while its audit device
// writes, so that a reader who stops reading freezes it (reference 2.4). Invariant: bounded; what has no room is dropped
// and told once per overflow.
const LINES_MAX = 20_000; // seconds of a busy server
const CHARACTERS_MAX = 32 * 1024 * 1024; // eight of the longest lines, or all of the usual ones
const LINES_AT_ONCE = 64; // a few milliseconds of parsing; then the sockets are read again

export interface LineQueueParts {
  readonly onLine: (line: string) => void;
  readonly onOverflow: () => void;
}

export class LineQueue {
  readonly #parts: LineQueueParts;
  #lines: string[] = [];
  #head = 0;
  #characters = 0;
  #isDraining = false;
  #isClosed = false;
  #hasOverflowed = false;

  constructor(parts: LineQueueParts) {
    this.#parts = parts;
  }

  /** Lines that wait. */
  get size(): number {
    return this.#lines.length - this.#head;
  }

  /** Never throws, never waits. */
  push(line: string): void {
    if (this.#isClosed) return;
    if (this.size >= LINES_MAX || this.#characters + line.length > CHARACTERS_MAX) {
      if (!this.#hasOverflowed) this.#parts.onOverflow();
      this.#hasOverflowed = true;
      return;
    }
    this.#lines.push(line);
    this.#characters += line.length;
    if (this.#isDraining) return;
    this.#isDraining = true;
    // At the end of this turn: a line that comes alone doesn't wait for anything.
    setImmediate(() => this.#drain());
  }

  /** Drops what waits. */
  close(): void {
    this.#isClosed = true;
    this.#lines = [];
    this.#head = 0;
  }

  #drain(): void {
    for (let taken = 0; taken < LINES_AT_ONCE; taken += 1) {
      const line = this.#lines[this.#head];
      if (line === undefined) break;
      this.#head += 1;
      this.#characters -= line.length;
      this.#parts.onLine(line);
    }
    if (this.size > 0) {
      setImmediate(() => this.#drain());
      return;
    }
    this.#lines = [];
    this.#head = 0;
    this.#characters = 0;
    this.#isDraining = false;
    this.#hasOverflowed = false;
  }
}
