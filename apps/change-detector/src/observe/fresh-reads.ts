/**
 * Shares reads between callers who each need one that *began* after they asked: while one read runs, all who ask get the
 * next one. So any number of callers costs two reads at a time per key.
 */
export class FreshReads<T> {
  readonly #read: (key: string) => Promise<T>;
  readonly #running = new Map<string, Promise<T>>();
  readonly #next = new Map<string, Promise<T>>();

  constructor(read: (key: string) => Promise<T>) {
    this.#read = read;
  }

  /** The result of a read that begins now or later. */
  get(key: string): Promise<T> {
    const running = this.#running.get(key);
    if (running === undefined) return this.#start(key);
    const queued = this.#next.get(key);
    if (queued !== undefined) return queued;
    const next = running.then(
      () => this.#startNext(key),
      () => this.#startNext(key),
    );
    this.#next.set(key, next);
    return next;
  }

  #startNext(key: string): Promise<T> {
    this.#next.delete(key);
    return this.#start(key);
  }

  #start(key: string): Promise<T> {
    const read = this.#read(key).finally(() => {
      if (this.#running.get(key) === read) this.#running.delete(key);
    });
    this.#running.set(key, read);
    return read;
  }
}
