import type { SyncCommand, SyncRecord } from "@keyferry/contracts";
import { expect, test } from "vitest";
import {
  afterLateChecks,
  dueLateChecks,
  LATE_CHECK_DELAYS_MS,
  nextLateCheckMs,
  withLateCheck,
} from "./late-checks.ts";
import { emptyRecord } from "./record.ts";

const COMMAND = { destination: "d", association: "a", secretKey: "k" } as SyncCommand;
const EMPTY: SyncRecord = emptyRecord(COMMAND, 0);
const [FIRST_MS, SECOND_MS] = LATE_CHECK_DELAYS_MS;
const PUT = { opId: "op", action: "put" } as const;
const looked = (nowMs: number, found: readonly string[] = []) => ({
  lowerNames: new Set(["app"]),
  found: new Set(found),
  nowMs,
});

test("an unclear write is looked for twice, two and fifteen minutes later", () => {
  const record = withLateCheck(EMPTY, "App", PUT, 1_000);
  expect(record.verify).toEqual([{ ...PUT, name: "App", at: [1_000 + FIRST_MS, 1_000 + SECOND_MS] }]);
  expect(nextLateCheckMs(record)).toBe(1_000 + FIRST_MS);
  expect(dueLateChecks(record, FIRST_MS)).toEqual([]);
  expect(dueLateChecks(record, 1_000 + FIRST_MS)).toHaveLength(1);
});

test("a look takes out the times that are over, and the whole entry when its write was found", () => {
  const record = withLateCheck(EMPTY, "App", PUT, 0);
  const once = afterLateChecks(record, looked(FIRST_MS));
  expect(nextLateCheckMs(once)).toBe(SECOND_MS);
  expect(afterLateChecks(once, looked(SECOND_MS)).verify).toEqual([]);
  expect(afterLateChecks(record, looked(FIRST_MS, ["op"])).verify).toEqual([]);
});

test("a look at one name leaves the others' times", () => {
  const record = withLateCheck(withLateCheck(EMPTY, "App", PUT, 0), "other", { ...PUT, opId: "op-2" }, 0);
  expect(afterLateChecks(record, looked(SECOND_MS)).verify).toMatchObject([{ opId: "op-2" }]);
});

test("a record written before there were looks has none", () => {
  expect(nextLateCheckMs(EMPTY)).toBeUndefined();
  expect(dueLateChecks(EMPTY, Number.MAX_SAFE_INTEGER)).toEqual([]);
});

test("the entries are bounded, and the oldest go first", () => {
  let record = EMPTY;
  for (let index = 0; index < 150; index += 1)
    record = withLateCheck(record, "app", { ...PUT, opId: `${index}` }, 0);
  expect(record.verify).toHaveLength(100);
  expect(record.verify?.[0]?.opId).toBe("50");
});
