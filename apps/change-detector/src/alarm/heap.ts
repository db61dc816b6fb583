/** A binary heap by time: the earliest first. */
export class TimeHeap<T> {
  readonly #nodes: { readonly at: number; readonly value: T }[] = [];

  get size(): number {
    return this.#nodes.length;
  }

  /** The earliest time in it. */
  get earliest(): number | undefined {
    return this.#nodes[0]?.at;
  }

  push(at: number, value: T): void {
    const nodes = this.#nodes;
    let hole = nodes.length;
    nodes.push({ at, value });
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      const above = nodes[parent];
      if (above === undefined || above.at <= at) break;
      nodes[hole] = above;
      hole = parent;
    }
    nodes[hole] = { at, value };
  }

  /** Takes the earliest out if its time is not after `now`. */
  popDue(now: number): T | undefined {
    const nodes = this.#nodes;
    const first = nodes[0];
    if (first === undefined || first.at > now) return undefined;
    const moved = nodes.pop();
    if (moved !== undefined && nodes.length > 0) this.#sink(moved);
    return first.value;
  }

  #sink(moved: { readonly at: number; readonly value: T }): void {
    const nodes = this.#nodes;
    let hole = 0;
    for (;;) {
      const left = 2 * hole + 1;
      const right = left + 1;
      const leftNode = nodes[left];
      const rightNode = nodes[right];
      if (leftNode === undefined) break;
      const smaller = rightNode !== undefined && rightNode.at < leftNode.at ? right : left;
      const below = nodes[smaller];
      if (below === undefined || below.at >= moved.at) break;
      nodes[hole] = below;
      hole = smaller;
    }
    nodes[hole] = moved;
  }
}
