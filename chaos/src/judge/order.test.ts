import { expect, test } from "vitest";
import { judgeOrder } from "./order.ts";

const set = (valueSha256: string) => ({ kind: "set", valueSha256 });
const gone = { kind: "delete", valueSha256: "" };
const states = (...shas: readonly (string | undefined)[]) => shas.map((sha) => ({ sha }));

test("what was skipped is no breach", () => {
  expect(judgeOrder(states("a", "b", "c"), [set("a"), set("c")])).toEqual({
    breaches: [],
    sets: 2,
    wishedValues: 3,
  });
});

test("a state that comes after a later one is a breach", () => {
  expect(judgeOrder(states("a", "b"), [set("b"), set("a")]).breaches).toEqual([
    { index: 1, why: "backwards" },
  ]);
});

test("a value that was wished twice may come twice", () => {
  expect(judgeOrder(states("a", undefined, "a"), [set("a"), gone, set("a")]).breaches).toEqual([]);
});

test("a delete that nobody wished is a breach", () => {
  expect(judgeOrder(states("a"), [set("a"), gone]).breaches).toEqual([{ index: 1, why: "never-wished" }]);
});
