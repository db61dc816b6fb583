import { inspect } from "node:util";
import { expect, test } from "vitest";
import { systemClock } from "./clock.ts";
import { systemRandom } from "./random.ts";
import { SecretValue } from "./secret-value.ts";
import { currentTrace, formatTraceparent, inTrace, newTrace, nextSpan, parseTraceparent } from "./trace.ts";

test("a secret value can't be printed by accident", () => {
  const secret = new SecretValue("canary-value");
  const printed = [
    String(secret),
    JSON.stringify({ secret }),
    inspect(secret, { showHidden: true, depth: 10 }),
    inspect({ nested: [secret] }, { customInspect: false, showHidden: true }),
  ];
  expect(printed.join("\n")).not.toContain("canary-value");
  expect(secret.reveal()).toBe("canary-value");
});

test("the size of a secret value is in UTF-8 bytes", () => {
  expect(new SecretValue("ü€").sizeBytes).toBe(5);
});

test("a sleep ends with its signal", async () => {
  const stop = new AbortController();
  const sleeping = systemClock.sleep(60_000, stop.signal);
  stop.abort();
  await expect(sleeping).rejects.toThrow("aborted");
});

test("timer-beyond-24-days: a very long sleep does not end at once", async () => {
  const stop = new AbortController();
  let ended = false;
  const sleeping = systemClock.sleep(40 * 86_400_000, stop.signal).then(
    () => (ended = true),
    () => undefined,
  );
  await systemClock.sleep(20);
  expect(ended).toBe(false);
  stop.abort();
  await sleeping;
});

test("a trace follows asynchronous work, and its header can be read back", async () => {
  const trace = newTrace(systemRandom);
  const seen = await inTrace(trace, async () => {
    await systemClock.sleep(1);
    return currentTrace();
  });
  expect(seen).toEqual(trace);
  expect(currentTrace()).toBeUndefined();
  expect(parseTraceparent(formatTraceparent(trace))).toEqual(trace);
  expect(parseTraceparent("00-zz-1-01")).toBeUndefined();
  expect(nextSpan(trace, systemRandom).traceId).toBe(trace.traceId);
});
