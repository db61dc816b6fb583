import { expect, test } from "vitest";
import { z } from "zod";
import { jsonCodec } from "./codec.ts";

const codec = jsonCodec(z.object({ major: z.literal(1), path: z.string() }));
const bytes = (text: string) => Buffer.from(text, "utf8");

test("a value comes back as it went", () => {
  const value = { major: 1, path: "ü" } as const;
  expect(codec.decode(codec.encode(value))).toEqual({ kind: "ok", value });
});

test("P5: what the schema does not declare does not get onto the wire", () => {
  const value = { major: 1 as const, path: "a", value: "canary-value" };
  expect(Buffer.from(codec.encode(value)).toString("utf8")).not.toContain("canary-value");
});

test("forbidding-field-ignored: a newer major is told apart from rubbish", () => {
  expect(codec.decode(bytes('{"major":2,"path":1}'))).toEqual({ kind: "unknown-major", major: 2 });
  expect(codec.decode(bytes('{"major":1,"path":1}')).kind).toBe("invalid");
  expect(codec.decode(bytes("not json")).kind).toBe("invalid");
  expect(codec.decode(bytes("null")).kind).toBe("invalid");
  expect(codec.decode(bytes("")).kind).toBe("invalid");
});
