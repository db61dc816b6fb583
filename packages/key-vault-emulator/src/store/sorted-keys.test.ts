import * as fc from "fast-check";
import { expect, test } from "vitest";
import { SortedKeys } from "./sorted-keys.ts";

const keys = fc.array(fc.stringMatching(/^[0-9a-z-]{1,4}$/), { maxLength: 60 });

test("whatever is added and deleted, the keys are those of a set, in order", () => {
  const property = fc.property(keys, keys, (added, deleted) => {
    const sorted = new SortedKeys();
    for (const key of added) sorted.add(key);
    for (const key of deleted) sorted.delete(key);
    const expected = [...new Set(added)].filter((key) => !deleted.includes(key)).toSorted();
    expect(sorted.after(undefined, 1_000)).toEqual(expected);
  });
  fc.assert(property, { seed: 7 });
});

test("pages that go on after the last key give every key once", () => {
  const property = fc.property(keys, fc.integer({ min: 1, max: 7 }), (added, size) => {
    const sorted = new SortedKeys();
    for (const key of added) sorted.add(key);
    const walked: string[] = [];
    for (
      let page = sorted.after(undefined, size);
      page.length > 0;
      page = sorted.after(walked.at(-1), size)
    ) {
      walked.push(...page);
    }
    expect(walked).toEqual([...new Set(added)].toSorted());
  });
  fc.assert(property, { seed: 7 });
});

test("a cursor that is not among the keys goes on where it would be", () => {
  const sorted = new SortedKeys();
  for (const key of ["a", "c", "e"]) sorted.add(key);
  expect(sorted.after("b", 2)).toEqual(["c", "e"]);
});

test("a copy does not see later changes", () => {
  const sorted = new SortedKeys();
  sorted.add("a");
  const copy = sorted.clone();
  sorted.add("b");
  expect(copy.after(undefined, 9)).toEqual(["a"]);
});
