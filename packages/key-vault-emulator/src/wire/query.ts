// Owns: the query of a request: the api-version, the page size, the place to go on from.
import { badParameter } from "./refusal.ts";
import type { Refusal } from "./refusal.ts";

/** Stable versions of the data plane that the secrets operations answer to (reference: api specification). */
export const API_VERSIONS = [
  "7.0",
  "7.1",
  "7.2",
  "7.3",
  "7.4",
  "7.5",
  "7.6",
  "2025-07-01",
  "2026-04-01",
] as const;

/** The service gives 25 items a page, and no more on request. */
export const PAGE_ITEMS_MAX = 25;

/**
 * Splits `/path?query`. URLSearchParams decodes names too, which matters: the JavaScript SDK writes `api%2Dversion`.
 */
export function splitTarget(target: string): { path: string; query: URLSearchParams } {
  const mark = target.indexOf("?");
  if (mark < 0) return { path: target, query: new URLSearchParams() };
  return { path: target.slice(0, mark), query: new URLSearchParams(target.slice(mark + 1)) };
}

/** The api-version asked for, or the refusal of one that is missing or unknown. */
export function readApiVersion(query: URLSearchParams, known: readonly string[]): string | Refusal {
  const asked = query.get("api-version");
  if (asked === null || asked === "") return badParameter("api-version must be specified");
  if (!known.includes(asked)) {
    return badParameter(
      `The specified version (${asked.slice(0, 40)}) is not recognized. Known: ${known.join(", ")}.`,
    );
  }
  return asked;
}

/** The page size: `maxresults`, 1 to 25, or 25 where nothing is asked. */
export function readPageSize(query: URLSearchParams): number | Refusal {
  const asked = query.get("maxresults");
  if (asked === null) return PAGE_ITEMS_MAX;
  const size = /^\d{1,6}$/.test(asked) ? Number(asked) : 0;
  if (size < 1 || size > PAGE_ITEMS_MAX)
    return badParameter(`maxresults must be between 1 and ${PAGE_ITEMS_MAX}`);
  return size;
}
