import { silentLogger } from "@keyferry/ports";
import { expect, test } from "vitest";
import { Closers } from "./closers.ts";

test("what was opened last is closed first, one after the other", async () => {
  const closers = new Closers();
  const order: string[] = [];
  for (const name of ["bus", "state", "consumer"]) {
    closers.add(name, async () => {
      order.push(`${name} begins`);
      await Promise.resolve();
      order.push(`${name} ends`);
    });
  }
  expect(await closers.closeAll(silentLogger)).toEqual({ failed: 0 });
  expect(order).toEqual([
    "consumer begins",
    "consumer ends",
    "state begins",
    "state ends",
    "bus begins",
    "bus ends",
  ]);
});

test("one that fails, by a throw or a rejection, does not keep the others open", async () => {
  const closers = new Closers();
  const closed: string[] = [];
  const told: unknown[] = [];
  closers.add("bus", () => void closed.push("bus"));
  closers.add("state", async () => {
    throw new Error("canary");
  });
  closers.add("consumer", () => {
    throw new Error("canary");
  });
  const logger = { ...silentLogger, error: (fields: unknown) => void told.push(fields) };
  expect(await closers.closeAll(logger)).toEqual({ failed: 2 });
  expect(closed).toEqual(["bus"]);
  expect(told).toMatchObject([{ part: "consumer", error: { code: "unexpected" } }, { part: "state" }]);
});

test("what is opened while the rest is closed is closed too, and nothing is closed twice", async () => {
  const closers = new Closers();
  const closed: string[] = [];
  closers.add("first", () => {
    closed.push("first");
    closers.add("late", () => void closed.push("late"));
  });
  await closers.closeAll(silentLogger);
  await closers.closeAll(silentLogger);
  expect(closed).toEqual(["first", "late"]);
});
