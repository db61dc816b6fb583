import { expect, test } from "vitest";
import { envelope } from "./envelope.ts";

test("the envelope has Vault's fields, in Vault's order, and null for no warnings", () => {
  expect(JSON.stringify(envelope("r", { a: 1 }))).toBe(
    '{"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"data":{"a":1},"wrap_info":null,"warnings":null,"auth":null,"mount_type":"system"}',
  );
  expect(envelope("r", {}, ["w"]).warnings).toEqual(["w"]);
});
