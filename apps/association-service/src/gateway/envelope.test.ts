import { expect, test } from "vitest";
import { envelope, envelopePieces } from "./envelope.ts";

test("the envelope has Vault's fields, in Vault's order, and null for no warnings", () => {
  expect(JSON.stringify(envelope("r", { a: 1 }))).toBe(
    '{"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"data":{"a":1},"wrap_info":null,"warnings":null,"auth":null,"mount_type":"system"}',
  );
  expect(envelope("r", {}, ["w"]).warnings).toEqual(["w"]);
});

test("data that is JSON already stands in the same envelope", () => {
  const pieces = envelopePieces("r", [Buffer.from('{"a":'), Buffer.from('"ü"}')]);
  expect(Buffer.concat(pieces).toString()).toBe(JSON.stringify(envelope("r", { a: "ü" })));
});
