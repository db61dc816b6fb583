// Owns: JSON that keeps every number as it was written and puts keys in the order of their bytes (hazard
// value-fidelity: JSON.parse turns 12345678901234567890 into …7000 and 1.0 into 1, and JavaScript sorts by UTF-16).
// A number travels as its source text, which Node's JSON.parse hands to a reviver and JSON.rawJSON puts back.

export type CanonicalValue =
  | string
  | boolean
  | null
  | RawNumber
  | CanonicalValue[]
  | { [key: string]: CanonicalValue };

/** A number's own text; opaque. */
interface RawNumber {
  readonly rawJSON: string;
}

// ES2026, in Node since 22; TypeScript's library does not declare them yet.
interface JsonWithSource {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): RawNumber;
  isRawJSON(value: unknown): value is RawNumber;
}
const json = JSON as unknown as JsonWithSource;

/** Deeper than Vault takes (500 by default), and far from where a recursion would overflow the stack. */
const DEPTH_MAX = 1_000;

export type Parsed = { kind: "ok"; value: CanonicalValue } | { kind: "refused"; why: string };

/** Parses without touching numbers. The reason of a refusal holds nothing of the text. */
export function parseExactly(text: string): Parsed {
  if (depthOf(text) > DEPTH_MAX)
    return { kind: "refused", why: `the data is nested deeper than ${DEPTH_MAX}` };
  try {
    const value = json.parse(text, (_key, value, context) =>
      typeof value === "number" ? json.rawJSON(context.source ?? String(value)) : value,
    );
    return { kind: "ok", value: value as CanonicalValue };
  } catch {
    // The parser's message quotes the text around the fault, which is a secret's value.
    return { kind: "refused", why: "the data is not JSON" };
  }
}

/** Compact JSON, keys sorted by their UTF-8 bytes at every level. */
export function stringifyCanonically(value: CanonicalValue): string {
  if (Array.isArray(value)) return `[${value.map(stringifyCanonically).join(",")}]`;
  if (isObject(value)) {
    const members = sortedKeys(value).map(
      (key) => `${JSON.stringify(key)}:${stringifyCanonically(value[key] ?? null)}`,
    );
    return `{${members.join(",")}}`;
  }
  return JSON.stringify(value);
}

/** True for a JSON object; a number's raw text is not one. */
export function isObject(value: CanonicalValue): value is { [key: string]: CanonicalValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !json.isRawJSON(value);
}

/** The keys of an object in the order of their UTF-8 bytes. */
export function sortedKeys(object: { [key: string]: CanonicalValue }): string[] {
  return Object.keys(object)
    .map((key) => ({ key, bytes: Buffer.from(key, "utf8") }))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
    .map(({ key }) => key);
}

function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at);
    if (inString) {
      if (character === BACKSLASH) at += 1;
      else if (character === QUOTE) inString = false;
    } else if (character === QUOTE) inString = true;
    else if (character === BRACE || character === BRACKET) deepest = Math.max(deepest, (depth += 1));
    else if (character === BRACE + 2 || character === BRACKET + 2) depth -= 1;
  }
  return deepest;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BRACKET = 0x5b; // its closing one is two further
const BRACE = 0x7b; // likewise
