import { expect, test } from "vitest";
import { parseRetryAfter, toVaultError } from "./failure.ts";

const NOW = Date.parse("2026-11-23T12:00:00Z");
const attempt = { operation: "put", writes: true, signal: new AbortController().signal };

test.each([
  ["ms", "1500", 1_500],
  ["s-or-date", "7", 7_000],
  ["s-or-date", "Mon, 23 Nov 2026 12:00:30 GMT", 30_000],
  ["s-or-date", "Mon, 23 Nov 2026 11:00:00 GMT", 0],
  ["s-or-date", "999999", 3_600_000],
  ["s-or-date", "soon", undefined],
  ["ms", "-5", undefined],
] as const)("a Retry-After in %s of %s is %s ms", (unit, text, expected) => {
  // A negative number is no number of the header's form; as a date it lies in the past or is none.
  const ms = parseRetryAfter({ unit, text }, NOW);
  expect(ms === 0 && expected === undefined ? undefined : ms).toBe(expected);
});

test("a 5xx to a write says that its effect is open; to a read it does not", () => {
  const exchange = {
    authenticated: true,
    sent: true,
    failure: undefined,
    answer: { status: 502, code: undefined, innerCode: undefined, requestId: "r", retryAfter: undefined },
  };
  expect(toVaultError(new Error("x"), attempt, exchange, NOW).details).toMatchObject({ unclear: true });
  const read = toVaultError(new Error("x"), { ...attempt, writes: false }, exchange, NOW);
  expect(read.details).not.toHaveProperty("unclear");
});

test.each([
  ["sent and authenticated", true, true, "answer-lost"],
  ["sent without a token: the handshake's probe", true, false, "vault-unreachable"],
  ["not sent", false, true, "vault-unreachable"],
] as const)("a write without an answer that was %s: %4$s", (_what, sent, authenticated, code) => {
  const exchange = { authenticated, sent, failure: "ECONNRESET", answer: undefined };
  expect(toVaultError(new Error("x"), attempt, exchange, NOW).code).toBe(code);
});

test("what the SDK throws before anything was sent is no lost answer, and its text is not passed on", () => {
  const error = toVaultError(new Error("the challenge quotes canary-text"), attempt, undefined, NOW);
  expect(error.code).toBe("vault-error");
  expect(error.message).not.toContain("canary");
  expect(error.cause).toBeUndefined();
});
