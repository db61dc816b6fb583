// Owns: a set of lower-case names in order, for lists that go on from a name.

/** Names in code-unit order, with a cursor. */
export class SortedKeys {
  #keys: string[] = [];

  get size(): number {
    return this.#keys.length;
  }

  add(key: string): void {
    const at = this.#firstAtOrAfter(key);
    if (this.#keys[at] === key) return;
    // Names mostly arrive in order (imports, tests), where this is a push.
    if (at === this.#keys.length) this.#keys.push(key);
    else this.#keys.splice(at, 0, key);
  }

  delete(key: string): void {
    const at = this.#firstAtOrAfter(key);
    if (this.#keys[at] === key) this.#keys.splice(at, 1);
  }

  /** Up to `count` keys after `cursor` (from the start without one). */
  after(cursor: string | undefined, count: number): string[] {
    let from = cursor === undefined ? 0 : this.#firstAtOrAfter(cursor);
    if (cursor !== undefined && this.#keys[from] === cursor) from += 1;
    return this.#keys.slice(from, from + count);
  }

  clone(): SortedKeys {
    const copy = new SortedKeys();
    copy.#keys = [...this.#keys];
    return copy;
  }

  #firstAtOrAfter(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    const last = this.#keys[high - 1];
    if (last !== undefined && last < key) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const probe = this.#keys[middle];
      if (probe !== undefined && probe < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
