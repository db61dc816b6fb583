import { expect, test } from "vitest";
import { Chance } from "../chance.ts";
import { keyOf, WEIGHTS } from "./kinds.ts";
import { planFaults } from "./schedule.ts";

const HOUR_MS = 3_600_000;

test("a seed gives the same faults each time, another seed others", () => {
  expect(planFaults(new Chance(7), HOUR_MS)).toEqual(planFaults(new Chance(7), HOUR_MS));
  expect(planFaults(new Chance(7), HOUR_MS)).not.toEqual(planFaults(new Chance(8), HOUR_MS));
});

test("an hour has every kind of fault, none after its end", () => {
  const planned = planFaults(new Chance(1), HOUR_MS);
  expect(new Set(planned.map(({ kind }) => kind))).toEqual(new Set(Object.keys(WEIGHTS)));
  expect(Math.max(...planned.map(({ afterMs }) => afterMs))).toBeLessThan(HOUR_MS);
});

test("faults of one service exclude each other, and so do those of NATS, so that a quorum is left", () => {
  expect(keyOf("service-kill", 2)).toBe(keyOf("partition-nats", 2));
  expect(keyOf("service-kill", 2)).not.toBe(keyOf("service-kill", 3));
  expect(keyOf("nats-kill", 0)).toBe(keyOf("nats-pause", 1));
});
