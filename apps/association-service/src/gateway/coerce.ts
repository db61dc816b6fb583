// Owns: reading a request's fields as Vault's framework reads them: the CLI sends every value as a string (or a list of
// strings), curl and Terraform send JSON (reference: clients, vault CLI). Pure. Each field has one reader; what it can't
// read becomes a sentence with the fix.

import { z } from "zod";

/** A string; numbers and booleans as their JSON text, as Vault takes them. */
export const textField = z
  .union([z.string(), z.number(), z.boolean()], "is not text: send a string")
  .transform(String);

const FLAG_FIX = "is neither true nor false: send true or false";

/** true, false, what Go's strconv.ParseBool takes as a string, on or off. */
export const flagField = z
  .union([z.boolean(), z.string(), z.number()], FLAG_FIX)
  .transform((raw, context) => {
    if (typeof raw === "boolean") return raw;
    const word = String(raw).toLowerCase();
    if (["1", "t", "true", "on"].includes(word)) return true;
    if (["0", "f", "false", "off", ""].includes(word)) return false;
    context.issues.push({ code: "custom", message: FLAG_FIX, input: undefined });
    return z.NEVER;
  });

/** A list of strings: a JSON list, or one string with commas. */
export const textListField = z
  .union([z.array(z.union([z.string(), z.number()]).transform(String)), z.string()], {
    error: "is not a list of strings: send a JSON list or a,b,c",
  })
  .transform((raw) => {
    const parts = typeof raw === "string" ? raw.split(",") : raw;
    return parts.map((part) => part.trim()).filter((part) => part !== "");
  });

const NUMBER_FIX = "is not a number: send one";

/** A number, also as text; the empty text stays, as it takes a value away. */
export const numberField = z.union([z.number(), z.string()], NUMBER_FIX).transform((raw, context) => {
  if (raw === "") return raw;
  const read = typeof raw === "number" || /^-?\d{1,15}(?:\.\d{1,6})?$/.test(raw) ? Number(raw) : Number.NaN;
  if (Number.isFinite(read)) return read;
  context.issues.push({ code: "custom", message: NUMBER_FIX, input: undefined });
  return z.NEVER;
});

const DURATION_FIX = "is not a duration: send seconds, or 90s, 30m, 1h";
const UNIT_S: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3_600, d: 86_400 };

/** Whole seconds: a number, a text of one, or text with a unit, as `1h` or `1h30m`. */
export const durationField = z.union([z.number(), z.string()], DURATION_FIX).transform((raw, context) => {
  const text = String(raw);
  if (text === "") return 0;
  if (/^\d{1,9}$|^(?:\d{1,9}[smhd])+$/.test(text)) {
    return [...text.matchAll(/(\d+)([smhd]?)/g)].reduce(
      (sum, [, count, unit]) => sum + Number(count) * (UNIT_S[unit ?? ""] ?? 0),
      0,
    );
  }
  context.issues.push({ code: "custom", message: DURATION_FIX, input: undefined });
  return z.NEVER;
});

const MAP_FIX = 'is not a map of strings: send {"key": "value"} or key=value';
const scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String);

/** A map of strings: a JSON object, `key=value`, a list of such, or a JSON object in a string. */
export const textMapField = z
  .union([z.record(z.string(), scalar.nullable()), z.array(z.string()), z.string()], { error: MAP_FIX })
  .transform((raw, context): Record<string, string | null> => {
    if (typeof raw === "object" && !Array.isArray(raw)) return raw;
    const read = readPairs(typeof raw === "string" ? raw : undefined, Array.isArray(raw) ? raw : [raw]);
    if (read !== undefined) return read;
    context.issues.push({ code: "custom", message: MAP_FIX, input: undefined });
    return z.NEVER;
  });

function readPairs(json: string | undefined, pairs: readonly string[]): Record<string, string> | undefined {
  if (json?.trim() === "") return {};
  if (json?.trimStart().startsWith("{")) return readJsonMap(json);
  // From entries, so that a tag named __proto__ becomes a tag.
  const entries: [string, string][] = [];
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    if (at < 1) return undefined;
    entries.push([pair.slice(0, at), pair.slice(at + 1)]);
  }
  return Object.fromEntries(entries);
}

function readJsonMap(json: string): Record<string, string> | undefined {
  try {
    const parsed = z.record(z.string(), scalar).safeParse(JSON.parse(json));
    return parsed.success ? parsed.data : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** One sentence per wrong field: `custom_tags is not a map …`. */
export function describeIssues(error: z.ZodError): readonly string[] {
  return error.issues.map((issue) => {
    const [field = "the body"] = issue.path;
    return `${String(field)} ${issue.message}`;
  });
}

/** The body as a map of fields. An absent body, `null` and the empty string are no fields, as `vault write -f` sends. */
export function fieldsOf(body: unknown): Record<string, unknown> | undefined {
  if (body === undefined || body === null || body === "") return {};
  return typeof body === "object" && !Array.isArray(body) ? (body as Record<string, unknown>) : undefined;
}
