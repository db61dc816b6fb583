// Owns: what may leave the process in a log line. The second fence of P5: values should never reach a logger, and what
// does all the same is taken out here by name, by type and by shape.
import { KeyferryError, toKeyferryError } from "@keyferry/errors";
import { type LogFields, SecretValue } from "@keyferry/ports";

const REDACTED = "[redacted]";
const DEPTH_MAX = 6; // our records are three deep
const ENTRIES_MAX = 100; // per list or mapping: a line is for reading
const TEXT_CHARACTERS_MAX = 4_096;

// Compared without case, '_' and '-'. Whatever stands under these is taken out, whatever its type.
const SENSITIVE_NAMES = new Set([
  "accesskey",
  "apikey",
  "authorization",
  "body",
  "clientsecret",
  "connectionstring",
  "cookie",
  "credential",
  "credentials",
  "data",
  "headers",
  "passphrase",
  "passwd",
  "password",
  "pem",
  "privatekey",
  "rawbody",
  "request",
  "response",
  "secretvalue",
  "setcookie",
  "token",
  "value",
  "values",
]);
// `secret` as text is a value; as a mapping it is a secret's path, which we do log.
const SENSITIVE_TEXT = /(?:^secret|token|password|passphrase|privatekey|apikey)$/;

// The shapes that credentials have: Vault's and OpenBao's tokens, bearer headers, passwords in URLs, JSON web tokens.
const SENSITIVE_SHAPES: readonly RegExp[] = [
  /\bhv[bsr]\.[A-Za-z0-9_-]{20,}/g,
  /\bs\.[A-Za-z0-9]{24}\b/g,
  /(?<=\bbearer\s+)[\w.~+/=-]+/gi,
  /(?<=\b[a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@]*:[^\s/@]*(?=@)/gi,
  /\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g,
];

/** The fields of a log line, safe and small. */
export function sanitiseFields(fields: LogFields): Record<string, unknown> {
  return sanitiseEntries(fields, 0);
}

/** A text without anything that has a credential's shape. */
export function sanitiseText(text: string): string {
  let safe = text.length > TEXT_CHARACTERS_MAX ? `${text.slice(0, TEXT_CHARACTERS_MAX)}…` : text;
  for (const shape of SENSITIVE_SHAPES) safe = safe.replace(shape, REDACTED);
  return safe;
}

function sanitiseEntries(fields: object, depth: number): Record<string, unknown> {
  const entries = Object.entries(fields).slice(0, ENTRIES_MAX);
  return Object.fromEntries(entries.map(([name, value]) => [name, sanitiseField(name, value, depth)]));
}

function sanitiseField(name: string, value: unknown, depth: number): unknown {
  if (value === undefined || value === null) return value;
  const plain = name.toLowerCase().replaceAll(/[_-]/g, "");
  if (SENSITIVE_NAMES.has(plain)) return REDACTED;
  if (typeof value === "string" && SENSITIVE_TEXT.test(plain)) return REDACTED;
  return sanitiseValue(value, depth + 1);
}

function sanitiseValue(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case "string":
      return sanitiseText(value);
    case "number":
    case "boolean":
    case "undefined":
      return value;
    case "bigint":
      return value.toString();
    case "object":
      return value === null ? null : sanitiseObject(value, depth);
    case "function":
    case "symbol":
    default:
      return `[${typeof value}]`;
  }
}

function sanitiseObject(value: object, depth: number): unknown {
  if (value instanceof SecretValue) return REDACTED;
  if (value instanceof Error) return sanitiseError(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "[no date]" : value.toISOString();
  // Bytes have no name that would give them away, and nothing that we log is made of them.
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return "[bytes]";
  if (depth >= DEPTH_MAX) return "[deeper]";
  if (Array.isArray(value))
    return value.slice(0, ENTRIES_MAX).map((entry) => sanitiseValue(entry, depth + 1));
  if (value instanceof Map || value instanceof Set) return `[${value.size} entries]`;
  return sanitiseEntries(value, depth);
}

// Only the report: an error's other fields, and its cause, can hold a request (hazard error-carries-the-body).
function sanitiseError(thrown: Error): unknown {
  const { code, class: errorClass, retry, message, advice, details } = toKeyferryError(thrown).report();
  const safeMessage = thrown instanceof KeyferryError ? sanitiseText(message) : message;
  return {
    code,
    class: errorClass,
    retry,
    message: safeMessage,
    advice,
    details: sanitiseEntries(details, 1),
  };
}
