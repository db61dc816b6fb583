import { expect, test, vi } from "vitest";
import { orAborted, SharedLooks } from "./shared-looks.ts";

/** Looks that end when the test says so. */
function looks() {
  const shared = new SharedLooks<number>();
  const begun: PromiseWithResolvers<number>[] = [];
  const look = (key = "a") =>
    shared.look(key, () => {
      const one = Promise.withResolvers<number>();
      begun.push(one);
      return one.promise;
    });
  return { begun, look };
}

const untilBegun = (begun: readonly unknown[], count: number) =>
  vi.waitFor(() => expect(begun).toHaveLength(count), { interval: 1 });

test("who asks while a look runs gets the next one, which all of them share", async () => {
  const { begun, look } = looks();
  const first = look();
  const later = [look(), look(), look()];
  expect(begun).toHaveLength(1);
  begun[0]?.resolve(1);
  expect(await first).toBe(1);
  await untilBegun(begun, 2);
  begun[1]?.resolve(2);
  expect(await Promise.all(later)).toEqual([2, 2, 2]);
  const again = look();
  expect(begun).toHaveLength(3);
  begun[2]?.resolve(3);
  expect(await again).toBe(3);
});

test("a look that failed fails for those who shared it alone", async () => {
  const { begun, look } = looks();
  const first = look();
  const second = look();
  begun[0]?.reject(new Error("away"));
  await expect(first).rejects.toThrow("away");
  await untilBegun(begun, 2);
  begun[1]?.resolve(2);
  expect(await second).toBe(2);
});

test("looks at different keys don't wait for each other", async () => {
  const { begun, look } = looks();
  const [one, two] = [look("a"), look("b")];
  expect(begun).toHaveLength(2);
  begun[1]?.resolve(2);
  expect(await two).toBe(2);
  begun[0]?.resolve(1);
  expect(await one).toBe(1);
});

test("who gives up is rejected with the signal's reason while the work goes on", async () => {
  const stop = new AbortController();
  const work = Promise.withResolvers<number>();
  const waiting = orAborted(work.promise, stop.signal);
  stop.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  await expect(orAborted(work.promise, stop.signal)).rejects.toThrow("enough");
  work.resolve(1);
  expect(await orAborted(work.promise, undefined)).toBe(1);
});
