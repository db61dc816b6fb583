import { inspect } from "node:util";
import { expect, test } from "vitest";
import { CATALOGUE, type ErrorCode } from "./catalogue.ts";
import { KeyferryError, toKeyferryError } from "./keyferry-error.ts";

const CODES = Object.keys(CATALOGUE) as ErrorCode[];

test.each(CODES)("%s has a class, a retry class and an advice that is a sentence", (code) => {
  const error = new KeyferryError(code, "what happened");
  expect(error.class).toMatch(/^(client-side|external-service|internal)$/);
  expect(error.retry).toMatch(/^(now|later|hopeless)$/);
  expect(error.advice).toMatch(/^[A-Z].*\.$/s);
  expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
});

test("a report is plain data and survives JSON", () => {
  const report = new KeyferryError("vault-denied", "no", { status: 403 }).report();
  expect(JSON.parse(JSON.stringify(report))).toEqual(report);
});

test("error-carries-the-body: what was thrown elsewhere leaves nothing of itself but its type and a stack frame", () => {
  const thrown = Object.assign(new Error("body: canary-value"), { request: { body: "canary-value" } });
  const error = toKeyferryError(thrown);
  expect(error.code).toBe("unexpected");
  const dump = inspect(error, { showHidden: true, depth: 10 }) + JSON.stringify(error.report());
  expect(dump).not.toContain("canary-value");
});

test("a KeyferryError passes through unchanged, and an abort is no defect", () => {
  const error = new KeyferryError("conflict", "x");
  expect(toKeyferryError(error)).toBe(error);
  expect(toKeyferryError(new DOMException("stop", "AbortError")).code).toBe("operation-aborted");
  expect(toKeyferryError("a string").code).toBe("unexpected");
});
