import { expect, test } from "vitest";
import { type BehindBook, judgeBehind, STALE_READ_MS_MAX } from "./lost-tail.ts";

const FENCE = { epoch: 7, sequence: 40 };
const PAIR = { key: "d.k", fence: FENCE };
const NONE: BehindBook = new Map();

test("tail-lost: a pair that is still behind the same command a round later proves that a tail was lost", () => {
  const first = judgeBehind(NONE, [PAIR], 1_000);
  expect(first.proof).toBeUndefined();
  const second = judgeBehind(first.book, [PAIR], 1_000 + STALE_READ_MS_MAX);
  expect(second.proof).toEqual({ key: "d.k", epoch: 7 });
});

test("two rounds in short order prove nothing: a deposed leader may have answered both", () => {
  const first = judgeBehind(NONE, [PAIR], 1_000);
  const second = judgeBehind(first.book, [PAIR], 1_000 + STALE_READ_MS_MAX - 1);
  expect(second.proof).toBeUndefined();
  expect(judgeBehind(second.book, [PAIR], 1_000 + STALE_READ_MS_MAX).proof).toBeDefined();
});

test("a round that reads it as it should be ends the suspicion", () => {
  const first = judgeBehind(NONE, [PAIR], 1_000);
  const between = judgeBehind(first.book, [], 2_000);
  expect(judgeBehind(between.book, [PAIR], 1_000 + STALE_READ_MS_MAX).proof).toBeUndefined();
});

test("another command begins anew, also at the same sequence of another epoch", () => {
  const first = judgeBehind(NONE, [PAIR], 1_000);
  const later = 1_000 + STALE_READ_MS_MAX;
  for (const fence of [
    { ...FENCE, sequence: 41 },
    { ...FENCE, epoch: 8 },
  ]) {
    expect(judgeBehind(first.book, [{ ...PAIR, fence }], later).proof).toBeUndefined();
  }
});
