import { KeyferryError } from "@keyferry/errors";
import { expect, test } from "vitest";
import { badRequest, toRefusal } from "./refusal.ts";

test.each([
  [new KeyferryError("bus-unreachable", "NATS does not answer"), 503, /NATS does not answer\. Check/],
  [new KeyferryError("source-sealed", "sealed"), 503, /Unseal/],
  [new KeyferryError("conflict", "both"), 503, /both/],
  [new KeyferryError("permission-denied", "no"), 403, /permission denied/],
  [new KeyferryError("request-invalid", "field x"), 400, /field x/],
  [badRequest("a"), 400, /^a$/],
  [Object.assign(new Error("Request body is too large"), { statusCode: 413 }), 413, /too large/],
  [new DOMException("The operation timed out", "TimeoutError"), 503, /did not answer in time/],
  [new Error("canary: something with a value in it"), 500, /^internal error$/],
])("%s is answered with %i", (thrown, status, text) => {
  const refusal = toRefusal(thrown);
  expect(refusal.status).toBe(status);
  expect(refusal.errors.join()).toMatch(text);
});

test("what is not found is an empty list of errors", () => {
  expect(toRefusal(new KeyferryError("not-found", "x"))).toMatchObject({ status: 404, errors: [] });
});
