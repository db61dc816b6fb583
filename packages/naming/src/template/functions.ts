// Owns: the functions of secret name templates. Names and order of arguments are those of Vault's own templates: the
// text comes last, as a pipe hands it over.
import { createHash } from "node:crypto";

export type ParameterKind = "text" | "count";

/** A function's result, or why it has none. */
export type FunctionResult = { kind: "ok"; text: string } | { kind: "refused"; why: string };

interface TemplateFunction {
  readonly parameters: readonly ParameterKind[];
  /** `count` is the leading number where there is one, else 0. */
  apply(count: number, texts: readonly string[]): FunctionResult;
}

/** Before a name is cut to Key Vault's 127; stops templates that double a text again and again. */
export const TEXT_CHARACTERS_MAX = 65_536;
export const TOO_LONG = `the template gives more than ${TEXT_CHARACTERS_MAX} characters`;
const SHA256_SUFFIX = 8; // characters of the hash that truncate_sha256 ends in

export const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  uppercase: { parameters: ["text"], apply: (_count, [text = ""]) => ok(text.toUpperCase()) },
  lowercase: { parameters: ["text"], apply: (_count, [text = ""]) => ok(text.toLowerCase()) },
  replace: { parameters: ["text", "text", "text"], apply: (_count, texts) => replace(texts) },
  truncate: {
    parameters: ["count", "text"],
    apply: (count, [text = ""]) =>
      count < 1 ? no("truncate wants a number above 0") : ok(headOf(text, count)),
  },
  truncate_sha256: {
    parameters: ["count", "text"],
    apply(count, [text = ""]) {
      if (count <= SHA256_SUFFIX) return no(`truncate_sha256 wants a number above ${SHA256_SUFFIX}`);
      if (Buffer.byteLength(text) <= count) return ok(text);
      const head = headOf(text, count - SHA256_SUFFIX);
      return ok(head + sha256(text.slice(head.length)).slice(0, SHA256_SUFFIX));
    },
  },
  sha256: { parameters: ["text"], apply: (_count, [text = ""]) => ok(sha256(text)) },
  base64: {
    parameters: ["text"],
    apply: (_count, [text = ""]) => ok(Buffer.from(text, "utf8").toString("base64")),
  },
};

/** They exist in Vault's other templates; here they would give another name at each refresh. */
export const UNSTABLE_FUNCTIONS: ReadonlySet<string> = new Set([
  "random",
  "unix_time",
  "unix_time_millis",
  "timestamp",
  "uuid",
]);

function replace([find = "", put = "", text = ""]: readonly string[]): FunctionResult {
  const pieces = text.split(find);
  // Looked at before the text is made: sixteen doublings in a template are 4 GB.
  if (text.length + (pieces.length + 1) * put.length > TEXT_CHARACTERS_MAX) return no(TOO_LONG);
  // A function as replacement: `$&` is text here.
  return ok(text.replaceAll(find, () => put));
}

function ok(text: string): FunctionResult {
  return { kind: "ok", text };
}

function no(why: string): FunctionResult {
  return { kind: "refused", why };
}

function sha256(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

/** Vault counts bytes; a character that would be cut in two is left out. */
function headOf(text: string, bytesMax: number): string {
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > bytesMax) break;
    end += character.length;
  }
  return text.slice(0, end);
}
