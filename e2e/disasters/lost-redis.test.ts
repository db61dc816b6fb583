// docs/operations/lost-redis.md: Redis is gone, with all that it held. Nothing is written meanwhile, and nothing twice
// afterwards (P1, P4).
import { expect, test } from "vitest";
import { FIRST, startDisaster } from "../support/disaster.ts";
import { keyferry } from "../support/keyferry.ts";

test("a change while Redis is away waits, comes when an empty Redis is back, and nothing is written twice", async () => {
  await using disaster = await startDisaster("lost-redis");
  const { stack } = disaster;
  await stack.redis.kill();
  await disaster.change("app-one", "second");
  const { code, stdout } = await keyferry(stack, ["doctor"]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/redis: .*does not reach Redis/);
  await disaster.expectWritten(3);
  await stack.redis.restart();
  await disaster.inStep({ ...FIRST, "app-one": "second" });
  await disaster.expectWritten(4);
}, 180_000);
