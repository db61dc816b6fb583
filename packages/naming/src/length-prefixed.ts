import { createHmac, createSecretKey, type KeyObject } from "node:crypto";

const LENGTH_BYTES = 4;

/**
 * Fields in one unambiguous row of bytes: each behind its length, so that ("ab", "c") and ("a", "bc") differ
 * (hazard guessable-subjects).
 */
export function lengthPrefixed(fields: readonly string[]): Buffer {
  const parts: Buffer[] = [];
  for (const field of fields) {
    const bytes = Buffer.from(field, "utf8");
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(bytes.length);
    parts.push(length, bytes);
  }
  return Buffer.concat(parts);
}

/** Made once for each key: that costs more than the HMAC of a short text. */
const keyObjects = new WeakMap<Buffer, KeyObject>();

/** HMAC-SHA-256 over length-prefixed fields. `purpose` keeps uses of one key apart. */
export function macOf(key: Buffer, purpose: string, fields: readonly string[]): Buffer {
  const known = keyObjects.get(key) ?? createSecretKey(key);
  keyObjects.set(key, known);
  return createHmac("sha256", known)
    .update(lengthPrefixed([purpose, ...fields]))
    .digest();
}
