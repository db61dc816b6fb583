import { KeyferryError } from "@keyferry/errors";
import { SecretValue } from "@keyferry/ports";
import { expect, test } from "vitest";
import { sanitiseFields, sanitiseText } from "./sanitise.ts";

const CANARY = "canary-7f3a9c";

test("what stands under a sensitive name is taken out, whatever its type and spelling", () => {
  const fields = {
    token: CANARY,
    Client_Secret: [CANARY],
    "x-api-key": CANARY,
    data: { a: CANARY },
    natsPassword: CANARY,
  };
  const nested = { a: { b: [{ value: 4711, body: CANARY }] }, secret: CANARY };
  const text = JSON.stringify([sanitiseFields(fields), sanitiseFields(nested)]);
  expect(text).not.toContain(CANARY);
  expect(text).not.toContain("4711");
});

test("what a log line needs is left as it is", () => {
  const fields = {
    secret: { mount: "kv", path: "a/b" },
    secretKey: "abc",
    key: "xyz",
    version: 3,
    tokensLeft: 4,
    destination: "d",
    when: new Date(0),
    nothing: null,
    flags: [true, false],
  };
  expect(sanitiseFields(fields)).toEqual({ ...fields, when: "1970-01-01T00:00:00.000Z" });
});

test("a secret value and bytes are not shown under any name", () => {
  const fields = { note: new SecretValue(CANARY), raw: Buffer.from(CANARY), map: new Map([[CANARY, 1]]) };
  expect(sanitiseFields(fields)).toEqual({ note: "[redacted]", raw: "[bytes]", map: "[1 entries]" });
});

test("what has a credential's shape is taken out of any text", () => {
  const texts = [
    `token hvs.${"a".repeat(24)} denied`,
    `s.${"b".repeat(24)}`,
    `Authorization: Bearer ${CANARY}`,
    `redis://:${CANARY}@host:6379/0 and nats://user:${CANARY}@host`,
    `eyJhbGciOiJIUzI1NiJ9.${CANARY}.sig`,
  ];
  for (const text of texts) {
    const safe = sanitiseText(text);
    expect(safe).toContain("[redacted]");
    expect(safe).not.toMatch(/canary|aaaa|bbbb/);
  }
  expect(sanitiseText("redis://host:6379 is away")).toBe("redis://host:6379 is away");
});

test("an error is its report and nothing else: no cause, no field of an SDK's, no unknown message", () => {
  const known = Object.assign(new KeyferryError("vault-error", "failed", { status: 500, token: CANARY }), {
    cause: new Error(CANARY),
    request: CANARY,
  });
  const unknown = Object.assign(new Error(CANARY), { response: { body: CANARY } });
  const { known: knownReport, unknown: unknownReport } = sanitiseFields({ known, unknown });
  expect(knownReport).toMatchObject({ code: "vault-error", retry: "later", details: { status: 500 } });
  expect(unknownReport).toMatchObject({ code: "unexpected", message: "Unexpected Error" });
  expect(JSON.stringify([knownReport, unknownReport])).not.toContain(CANARY);
});

test("a line stays small and finite, whatever it is given", () => {
  const circle: Record<string, unknown> = {};
  circle["self"] = circle;
  const fields = {
    circle,
    long: "x".repeat(100_000),
    many: Array.from({ length: 10_000 }, (_, i) => i),
    big: 2n ** 70n,
  };
  expect(JSON.stringify(sanitiseFields(fields)).length).toBeLessThan(10_000);
});
