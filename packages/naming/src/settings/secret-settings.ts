// Owns: what a secret's own custom metadata says of its external secrets. Pure; reads no clock. Unknown keys under
// `keyferry.` are refused rather than skipped: a mistyped `keyferry.expire` must not leave a secret without its end.
import type { Granularity } from "@keyferry/contracts";
import { checkCustomTags } from "../tags/custom-tags.ts";

/** Custom metadata keys of ours begin so; whatever else is there is nobody's business here. */
const PREFIX = "keyferry.";
const TAG_PREFIX = `${PREFIX}tag.`;
const KNOWN = ["expires", "not-before", "content-type", "enabled", "tag.NAME"].map((name) => PREFIX + name);

const CONTENT_TYPE_CHARACTERS_MAX = 255; // reference: Key Vault's limit
/** Azure's SDK keeps seconds in 32 bits on the way out: a later date would arrive as one of 1901. */
const LATEST_MS = Date.UTC(2038, 0, 19, 3, 14, 7);
/** A whole second of a calendar day with a zone: RFC 3339, so that a date means the same to everybody. */
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;

/** What a secret asks of its external secrets, with the defaults filled in. Times in milliseconds since 1970. */
export interface SecretSettings {
  readonly contentType: string;
  readonly enabled: boolean;
  readonly notBefore?: number;
  readonly expires?: number;
  /** Beside the association's custom tags, and over them. */
  readonly tags: Readonly<Record<string, string>>;
}

export type ReadSettings =
  | { readonly kind: "ok"; readonly settings: SecretSettings }
  /** `key` is the custom metadata key; `fix` says what it should look like. */
  | { readonly kind: "refused"; readonly key: string; readonly why: string; readonly fix: string };

/** What Key Vault is told of a value where the secret says nothing: a whole secret is JSON, a single key is text. */
const DEFAULT_CONTENT_TYPES: Readonly<Record<Granularity, string>> = {
  "secret-path": "application/json",
  "secret-key": "text/plain",
};

class Refused extends Error {
  override readonly name = "Refused";
  readonly key: string;
  readonly fix: string;

  constructor(key: string, why: string, fix: string) {
    super(why);
    this.key = key;
    this.fix = fix;
  }
}

/** Reads the settings in a secret's custom metadata. Never throws; a refusal names the key and the cure. */
export function secretSettings(
  customMetadata: Readonly<Record<string, string>>,
  granularity: Granularity,
): ReadSettings {
  try {
    return { kind: "ok", settings: settingsOf(customMetadata, granularity) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { kind: "refused", key: error.key, why: error.message, fix: error.fix };
  }
}

function settingsOf(metadata: Readonly<Record<string, string>>, granularity: Granularity): SecretSettings {
  let contentType = DEFAULT_CONTENT_TYPES[granularity];
  let enabled = true;
  let notBefore: number | undefined;
  let expires: number | undefined;
  const tags: [string, string][] = [];
  // In order, so that of several faults always the same one is told.
  for (const [key, value] of Object.entries(metadata).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (!key.startsWith(PREFIX)) continue;
    if (key.startsWith(TAG_PREFIX)) {
      tags.push([key.slice(TAG_PREFIX.length), value]);
      continue;
    }
    switch (key.slice(PREFIX.length)) {
      case "expires":
        expires = timeOf(key, value);
        break;
      case "not-before":
        notBefore = timeOf(key, value);
        break;
      case "content-type":
        contentType = contentTypeOf(key, value);
        break;
      case "enabled":
        enabled = flagOf(key, value);
        break;
      default:
        throw new Refused(key, "is no setting of Keyferry", `Use one of ${KNOWN.join(", ")}, or remove it.`);
    }
  }
  if (notBefore !== undefined && expires !== undefined && notBefore >= expires) {
    throw new Refused(`${PREFIX}not-before`, `is not before ${PREFIX}expires`, "Exchange the two dates.");
  }
  return {
    contentType,
    enabled,
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(expires === undefined ? {} : { expires }),
    tags: checkedTags(tags),
  };
}

function timeOf(key: string, value: string): number {
  const ms = RFC_3339.test(value) && isOnCalendar(value) ? Date.parse(value.replace(" ", "T")) : Number.NaN;
  if (Number.isNaN(ms)) {
    throw new Refused(
      key,
      "is not a date and time of RFC 3339",
      "Write it as 2027-01-31T12:00:00Z, with the zone.",
    );
  }
  if (ms < 0) throw new Refused(key, "lies before 1970", "Write a later date.");
  if (ms > LATEST_MS) {
    throw new Refused(
      key,
      "lies after 2038-01-19T03:14:07Z, the last that Azure's SDK can write",
      "Write an earlier date, or remove the key for no date at all.",
    );
  }
  // Key Vault keeps whole seconds; a fraction would show as a difference for ever.
  return Math.floor(ms / 1_000) * 1_000;
}

// Date.parse takes the 31st of February for the 3rd of March.
function isOnCalendar(value: string): boolean {
  const [year = 0, month = 0, day = 0] = value.slice(0, 10).split("-").map(Number);
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

function contentTypeOf(key: string, value: string): string {
  if (value === "" || value.length > CONTENT_TYPE_CHARACTERS_MAX || /\p{Cc}/u.test(value)) {
    throw new Refused(
      key,
      `is empty, longer than ${CONTENT_TYPE_CHARACTERS_MAX} characters or has a control character`,
      "Write a media type such as application/json.",
    );
  }
  return value;
}

function flagOf(key: string, value: string): boolean {
  if (value === "true") return true;
  if (value === "false") return false;
  throw new Refused(key, "is neither true nor false", "Write true or false.");
}

function checkedTags(tags: readonly [string, string][]): Record<string, string> {
  for (const tag of tags) {
    const check = checkCustomTags(Object.fromEntries([tag]));
    if (check.kind === "refused") {
      throw new Refused(
        `${TAG_PREFIX}${tag[0]}`,
        `can't be a tag: ${check.what}`,
        "Use another name or a shorter value.",
      );
    }
  }
  return Object.fromEntries(tags);
}
