// Owns: from a secret's data to the values that Key Vault gets. Does not own: their names, their sizes.
import type { Granularity } from "@keyferry/contracts";
import { SecretValue } from "@keyferry/ports";
import {
  type CanonicalValue,
  isObject,
  parseExactly,
  sortedKeys,
  stringifyCanonically,
} from "./canonical-json.ts";

export type Payload =
  | { kind: "whole"; value: SecretValue }
  | { kind: "keys"; values: ReadonlyMap<string, SecretValue> }
  | { kind: "refused"; why: string };

const KEYS_MAX = 500; // O2: at most 500 external names a secret

/**
 * `rawJson` is the text of KVv2's `data.data`. `secret-path`: the whole as compact JSON, so that the same data is the
 * same value. `secret-key`: one value per top-level key, strings as they are, anything else as its JSON text.
 * A refusal's reason holds no value.
 */
export function renderPayload(options: { granularity: Granularity; rawJson: SecretValue }): Payload {
  const parsed = parseExactly(options.rawJson.reveal());
  if (parsed.kind === "refused") return parsed;
  const data = parsed.value;
  if (!isObject(data)) return { kind: "refused", why: "the data is not a JSON object" };
  if (options.granularity === "secret-path") {
    return { kind: "whole", value: new SecretValue(stringifyCanonically(data)) };
  }
  const keys = sortedKeys(data);
  if (keys.length > KEYS_MAX) {
    return { kind: "refused", why: `the secret has ${keys.length} keys, more than ${KEYS_MAX}` };
  }
  const values = new Map<string, SecretValue>();
  for (const key of keys) {
    const text = textOf(data[key] ?? null);
    // It has no UTF-8 form; sending it would silently change the value. Go never writes one, so Vault has none.
    if (!text.isWellFormed()) return { kind: "refused", why: "a value has half a surrogate pair in it" };
    values.set(key, new SecretValue(text));
  }
  return { kind: "keys", values };
}

function textOf(value: CanonicalValue): string {
  return typeof value === "string" ? value : stringifyCanonically(value);
}
