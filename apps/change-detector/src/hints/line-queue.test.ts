import { expect, test } from "vitest";
import { LineQueue } from "./line-queue.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

function open(): { queue: LineQueue; lines: string[]; overflows: () => number } {
  const lines: string[] = [];
  let overflows = 0;
  const queue = new LineQueue({
    onLine: (line) => lines.push(line),
    onOverflow: () => {
      overflows += 1;
    },
  });
  return { queue, lines, overflows: () => overflows };
}

test("lines come out in order, a slice at a turn, and not while they are pushed", async () => {
  const { queue, lines } = open();
  const pushed = Array.from({ length: 150 }, (_, index) => `line ${index}`);
  for (const line of pushed) queue.push(line);
  expect(lines).toEqual([]);
  await turn();
  expect(lines.length).toBeLessThan(150);
  while (queue.size > 0) await turn();
  expect(lines).toEqual(pushed);
});

test("what has no room is dropped and told once, until there was room again", async () => {
  const { queue, lines, overflows } = open();
  for (let index = 0; index < 30_000; index += 1) queue.push("x");
  expect([queue.size, overflows()]).toEqual([20_000, 1]);
  while (queue.size > 0) await turn();
  await turn();
  expect(lines.length).toBe(20_000);
  for (let index = 0; index < 30_000; index += 1) queue.push("x");
  expect(overflows()).toBe(2);
});

test("long lines count by their length", () => {
  const { queue, overflows } = open();
  for (let index = 0; index < 9; index += 1) queue.push("x".repeat(4 * 1024 * 1024));
  expect([queue.size, overflows()]).toEqual([8, 1]);
});

test("a closed queue gives nothing any more", async () => {
  const { queue, lines } = open();
  queue.push("x");
  queue.close();
  queue.push("y");
  await turn();
  await turn();
  expect(lines).toEqual([]);
});
