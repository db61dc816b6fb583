// Owns: what a PUT, a PATCH and a restore may carry, and the limits of size. Pure.
// Unknown properties are ignored; a property of the wrong kind is refused.
import { badParameter } from "./refusal.ts";
import type { Refusal } from "./refusal.ts";

export interface SizeLimits {
  /** UTF-8 bytes. The documentation says 25 KB; the exact edge is not known. */
  readonly valueBytesMax: number;
  readonly contentTypeCharsMax: number;
  readonly tagsMax: number;
  /** For names and values alike: 512, or 256 as one copy of the documentation has it. */
  readonly tagCharsMax: number;
}

export const AZURE_SIZES: SizeLimits = {
  valueBytesMax: 25_600,
  contentTypeCharsMax: 255,
  tagsMax: 15,
  tagCharsMax: 512,
};

/** Undefined: not mentioned, which a PATCH leaves alone and a PUT leaves out. */
export interface Properties {
  readonly kind: "properties";
  readonly contentType: string | undefined;
  readonly tags: Readonly<Record<string, string>> | undefined;
  readonly enabled: boolean | undefined;
  readonly nbf: number | undefined;
  readonly exp: number | undefined;
}

export interface SetBody {
  readonly kind: "set";
  readonly value: string;
  readonly properties: Properties;
}

type Json = Record<string, unknown>;

/** Reads the body of a PUT. An empty value is a value (recorded: the service answers 200). */
export function readSetBody(text: string, sizes: SizeLimits): SetBody | Refusal {
  const json = readObject(text);
  if (isRefusal(json)) return json;
  const value = json["value"];
  if (typeof value !== "string") return badParameter("The parameter 'value' is missing or not a string.");
  if (Buffer.byteLength(value, "utf8") > sizes.valueBytesMax) {
    return badParameter(`The secret value is longer than ${sizes.valueBytesMax} bytes.`);
  }
  const properties = readProperties(json, sizes);
  return properties.kind === "refused" ? properties : { kind: "set", value, properties };
}

/** Reads the body of a PATCH; no body at all changes nothing. */
export function readUpdateBody(text: string, sizes: SizeLimits): Properties | Refusal {
  const json = text === "" ? {} : readObject(text);
  return isRefusal(json) ? json : readProperties(json, sizes);
}

/** Reads the body of a restore: the blob that a backup gave. */
export function readRestoreBody(text: string): { readonly kind: "restore"; readonly blob: string } | Refusal {
  const json = readObject(text);
  if (isRefusal(json)) return json;
  const blob = json["value"];
  if (typeof blob !== "string") return badParameter("The parameter 'value' is missing or not a string.");
  return { kind: "restore", blob };
}

function readObject(text: string): Json | Refusal {
  const parsed = parseJson(text);
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    return badParameter("The request body is not a JSON object.");
  }
  return parsed as Json;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readProperties(json: Json, sizes: SizeLimits): Properties | Refusal {
  const contentType = json["contentType"] ?? undefined;
  if (contentType !== undefined && typeof contentType !== "string") {
    return badParameter("The parameter 'contentType' is not a string.");
  }
  if (contentType !== undefined && contentType.length > sizes.contentTypeCharsMax) {
    return badParameter(
      `The parameter 'contentType' is longer than ${sizes.contentTypeCharsMax} characters.`,
    );
  }
  const tags = readTags(json["tags"] ?? undefined, sizes);
  if (isRefusal(tags)) return tags;
  const attributes = readAttributes(json["attributes"] ?? undefined);
  if (isRefusal(attributes)) return attributes;
  return { kind: "properties", contentType, tags, ...attributes };
}

function readTags(raw: unknown, sizes: SizeLimits): Readonly<Record<string, string>> | Refusal | undefined {
  if (raw === undefined) return undefined;
  if (typeof raw !== "object" || raw === null || Array.isArray(raw))
    return badParameter("'tags' is not an object.");
  const entries = Object.entries(raw);
  if (entries.length > sizes.tagsMax) return badParameter(`A secret takes at most ${sizes.tagsMax} tags.`);
  for (const [name, value] of entries) {
    if (typeof value !== "string") return badParameter("A tag's value is not a string.");
    if (name.length > sizes.tagCharsMax || value.length > sizes.tagCharsMax) {
      return badParameter(`A tag's name or value is longer than ${sizes.tagCharsMax} characters.`);
    }
  }
  return Object.fromEntries(entries);
}

interface Attributes {
  readonly enabled: boolean | undefined;
  readonly nbf: number | undefined;
  readonly exp: number | undefined;
}

function readAttributes(raw: unknown): Attributes | Refusal {
  if (raw === undefined) return { enabled: undefined, nbf: undefined, exp: undefined };
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    return badParameter("'attributes' is not an object.");
  }
  const { enabled, nbf, exp } = raw as Json;
  if (enabled !== undefined && enabled !== null && typeof enabled !== "boolean") {
    return badParameter("'attributes.enabled' is not a boolean.");
  }
  if (!isTimeOrAbsent(nbf) || !isTimeOrAbsent(exp)) {
    return badParameter("'attributes.nbf' and 'attributes.exp' are whole seconds since 1970.");
  }
  return { enabled: enabled ?? undefined, nbf: nbf ?? undefined, exp: exp ?? undefined };
}

function isTimeOrAbsent(raw: unknown): raw is number | null | undefined {
  return raw === undefined || raw === null || (Number.isSafeInteger(raw) && (raw as number) >= 0);
}

function isRefusal(read: Json | Refusal | Attributes | undefined): read is Refusal {
  return read !== undefined && "kind" in read && read["kind"] === "refused" && "status" in read;
}
