// Owns: what an answer of Vault or OpenBao to a *read* means, for all services (hazard answer-table).
// Does not own: what is done about it. Invariant: total, and only a body in Vault's own words reads as `absent` or
// `dead`; whatever isn't known is *later*, so that no proxy's page and no lost permission can delete anything.

export type JsonObject = Readonly<Record<string, unknown>>;

export interface RawAnswer {
  readonly status: number;
  readonly body: string;
}

export type ReadAnswer =
  /** 200 with a `data` object. */
  | { readonly kind: "live"; readonly data: JsonObject }
  /** 404 with a body: that version is deleted, expired or destroyed; the metadata beside it says which. */
  | { readonly kind: "dead"; readonly data: JsonObject }
  /** 404 `{"errors":[]}`: nothing under that path, version or prefix. */
  | { readonly kind: "absent" }
  /** Nothing is mounted there, or the engine there has no such path. */
  | { readonly kind: "mount-missing" }
  | { readonly kind: "denied" }
  | { readonly kind: "sealed" }
  /** A node that is behind, or a rate limit: later, or elsewhere. */
  | { readonly kind: "behind" }
  /** The metadata lists a version whose data is gone (reference: vault#16488). */
  | { readonly kind: "poisoned" }
  | { readonly kind: "unknown"; readonly status: number };

// 412: Vault's index answer, 429: OpenBao's, also a rate limit; 473: a performance standby (reference 4.9).
const BEHIND_STATUSES: ReadonlySet<number> = new Set([412, 429, 473]);

/** Reads an answer by the one table. Never throws. */
export function classifyAnswer(answer: RawAnswer): ReadAnswer {
  const { status } = answer;
  if (BEHIND_STATUSES.has(status)) return { kind: "behind" };
  const body = parseObject(answer.body);
  // Every answer of Vault to a read is a JSON object; what isn't came from something in between.
  if (body === undefined) return { kind: "unknown", status };
  const errors = errorsOf(body);
  switch (status) {
    case 200:
      return isObject(body["data"]) ? { kind: "live", data: body["data"] } : { kind: "unknown", status };
    case 403:
      return errors === undefined ? { kind: "unknown", status } : { kind: "denied" };
    case 404:
      return classifyNotFound(body, errors);
    case 500:
      return mentions(errors, "could not find version data")
        ? { kind: "poisoned" }
        : { kind: "unknown", status };
    case 503:
      return { kind: "sealed" };
    default:
      return { kind: "unknown", status };
  }
}

function classifyNotFound(body: JsonObject, errors: readonly string[] | undefined): ReadAnswer {
  if (mentions(errors, "no handler for route") || mentions(errors, "unsupported path")) {
    return { kind: "mount-missing" };
  }
  if (errors?.length === 0 && Object.keys(body).length === 1) return { kind: "absent" };
  const data = body["data"];
  if (isObject(data) && data["data"] === null && isObject(data["metadata"])) return { kind: "dead", data };
  return { kind: "unknown", status: 404 };
}

/** The `errors` list if the body has one and holds nothing but strings. */
function errorsOf(body: JsonObject): readonly string[] | undefined {
  const errors = body["errors"];
  if (!Array.isArray(errors)) return undefined;
  return errors.every((error): error is string => typeof error === "string") ? errors : undefined;
}

function mentions(errors: readonly string[] | undefined, words: string): boolean {
  return errors?.some((error) => error.includes(words)) ?? false;
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined; // not JSON: the caller's `unknown` says so, and the text may hold a value (P5)
  }
}

/** Whether a parsed JSON value is an object (not an array, not null). */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
