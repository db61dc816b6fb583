import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { classifyAnswer, type ReadAnswer } from "./classify-answer.ts";

const METADATA = { version: 3, created_time: "t", deletion_time: "t", destroyed: false };
const errors = (...texts: string[]): string => JSON.stringify({ errors: texts });

const TABLE: readonly [string, number, string, ReadAnswer["kind"]][] = [
  ["a body with data", 200, JSON.stringify({ data: { a: 1 } }), "live"],
  ["a login page", 200, "<html>sign in</html>", "unknown"],
  ["a 200 without data", 200, "{}", "unknown"],
  ["a 200 with data null", 200, JSON.stringify({ data: null }), "unknown"],
  ["a deleted version", 404, JSON.stringify({ data: { data: null, metadata: METADATA } }), "dead"],
  ["nothing there", 404, errors(), "absent"],
  ["nothing there, with a line feed", 404, `${errors()}\n`, "absent"],
  ["an empty error list beside other keys", 404, JSON.stringify({ errors: [], data: null }), "unknown"],
  ["no mount", 404, errors('no handler for route "x/metadata/y". route entry not found.'), "mount-missing"],
  ["no such path", 404, errors("1 error occurred:\n\t* unsupported path\n\n"), "mount-missing"],
  ["a 404 in other words", 404, errors("not here"), "unknown"],
  ["a proxy's 404", 404, "<html>404</html>", "unknown"],
  ["an empty 404", 404, "", "unknown"],
  ["a 404 whose data is alive", 404, JSON.stringify({ data: { data: {}, metadata: METADATA } }), "unknown"],
  ["denied", 403, errors("permission denied"), "denied"],
  ["a proxy's 403", 403, "<html>403</html>", "unknown"],
  ["sealed", 503, errors("Vault is sealed"), "sealed"],
  ["a proxy's 503", 503, "<html>503</html>", "unknown"],
  ["an index that is too old (Vault)", 412, errors("required index state not present"), "behind"],
  ["an index that is too old (OpenBao), or a quota", 429, "", "behind"],
  ["a standby", 473, "", "behind"],
  ["a poisoned key", 500, errors("could not find version data"), "poisoned"],
  ["another 500", 500, errors("internal error"), "unknown"],
  ["a bad request", 400, errors("Upgrading from non-versioned to versioned data."), "unknown"],
  ["a redirect", 307, "", "unknown"],
  ["an empty error list with a 500", 500, errors(), "unknown"],
  ["an empty error list with a 403", 403, errors(), "denied"],
];

describe("hazard answer-table", () => {
  test.for(TABLE)("%s (%i)", ([, status, body, kind]) => {
    expect(classifyAnswer({ status, body }).kind).toBe(kind);
  });

  test("is total, and only a 404 in Vault's own words reads as absent or dead", () => {
    const statuses = fc.integer({ min: 100, max: 599 });
    const bodies = fc.oneof(fc.string(), fc.json(), fc.constant(errors()));
    const deleting = fc
      .sample(fc.tuple(statuses, bodies), 5_000)
      .filter(([status, body]) => ["absent", "dead"].includes(classifyAnswer({ status, body }).kind));
    expect(deleting.filter(([status]) => status !== 404)).toEqual([]);
  });

  test("no other status than 404 makes Vault's own words for nothing read as absent", () => {
    const statuses = Array.from({ length: 500 }, (_, index) => index + 100);
    const absent = statuses.filter((status) => classifyAnswer({ status, body: errors() }).kind === "absent");
    expect(absent).toEqual([404]);
  });
});
