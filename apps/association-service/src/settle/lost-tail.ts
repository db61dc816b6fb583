// Owns: telling a lost tail from a leader that is behind, where the stream's last sequence does not show it: the stream
// was as long again before anybody looked (hazard tail-lost). Pure.
// What was read older than its pair's last command saw it is a stale read if the next round reads it as it should be.
// After that the command was made from a message that no longer exists: no read will ever show it, and only a new epoch,
// in which the command's sequences say nothing, lets the pair go on (O3, O9).

import { compareFences, type Fence } from "@keyferry/contracts";

/** A deposed leader answers reads for seconds, until it hears of its successor. */
export const STALE_READ_MS_MAX = 25_000;

/** A pair whose facts were read older than its last command saw them. */
export interface BehindPair {
  readonly key: string;
  /** Of that command. */
  readonly fence: Fence;
}

export interface BehindSince extends BehindPair {
  /** Of the first round that found it so, milliseconds since 1970. */
  readonly since: number;
}

export type BehindBook = ReadonlyMap<string, BehindSince>;

export interface BehindVerdict {
  /** For the next round. */
  readonly book: BehindBook;
  /** One that proves that a stream lost its tail, and the epoch in which it did. */
  readonly proof: { readonly key: string; readonly epoch: number } | undefined;
}

/** Compares what a round found behind with what the rounds before it did. */
export function judgeBehind(before: BehindBook, found: readonly BehindPair[], now: number): BehindVerdict {
  const book = new Map<string, BehindSince>();
  let proof: BehindVerdict["proof"];
  for (const { key, fence } of found) {
    const known = before.get(key);
    // Another command has its own reads behind it.
    const since = known !== undefined && compareFences(known.fence, fence) === 0 ? known.since : now;
    book.set(key, { key, fence, since });
    if (now - since >= STALE_READ_MS_MAX) proof ??= { key, epoch: fence.epoch };
  }
  return { book, proof };
}
