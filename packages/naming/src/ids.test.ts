import { secretKeySchema, uidSchema } from "@keyferry/contracts";
import { systemRandom } from "@keyferry/ports";
import { expect, test } from "vitest";
import { base32 } from "./base32.ts";
import { newInstanceId, newOpId, newUid, secretKeyOf } from "./ids.ts";

const key = Buffer.alloc(32, 7);
const secret = { source: "main", accessor: "kv_1", path: "app/db" };

test("base32 is RFC 4648's in lower case", () => {
  // The RFC's own test vectors, without padding.
  expect(base32(Buffer.from("fooba"), 8)).toBe("mzxw6ytb");
  expect(base32(Buffer.from("fo"), 3)).toBe("mzx");
});

test("guessable-subjects: <k> has the form of the contracts, is stable, and hangs on each field and on the key", () => {
  const k = secretKeyOf(key, secret);
  expect(secretKeySchema.parse(k)).toBe(k);
  expect(secretKeyOf(key, { ...secret })).toBe(k);
  const others = [
    secretKeyOf(Buffer.alloc(32, 8), secret),
    secretKeyOf(key, { ...secret, source: "mai", accessor: "nkv_1" }),
    secretKeyOf(key, { ...secret, accessor: "kv_1a", path: "pp/db" }),
    secretKeyOf(key, { ...secret, path: "app/d" }),
  ];
  expect(new Set([k, ...others]).size).toBe(5);
});

test("uids, op ids and instance ids have their forms and differ", () => {
  const uids = new Set(Array.from({ length: 1_000 }, () => newUid(systemRandom)));
  expect(uids.size).toBe(1_000);
  for (const uid of uids) expect(uidSchema.parse(uid)).toHaveLength(20);
  expect(newOpId(systemRandom)).toMatch(/^[a-z2-7]{20}$/);
  expect(newInstanceId(systemRandom)).toMatch(/^[a-z2-7]{13}$/);
});
