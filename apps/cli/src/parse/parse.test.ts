import { describe, expect, test } from "vitest";
import { Failure } from "../failure.ts";
import { parseDestination, parseGlob, parseSecret } from "./names.ts";
import { parseDuration, parseTime } from "./time.ts";

const NOW = Date.parse("2026-06-01T12:00:00Z");

describe("a time", () => {
  test.each([
    ["2h", "2026-06-01T10:00:00.000Z"],
    ["1h30m", "2026-06-01T10:30:00.000Z"],
    ["2026-05-31T12:00:00Z", "2026-05-31T12:00:00.000Z"],
    ["2026-05-31T12:00:00+02:00", "2026-05-31T10:00:00.000Z"],
    ["2026-05-31", "2026-05-31T00:00:00.000Z"],
  ])("%s is %s", (text, expected) => {
    expect(parseTime(text, NOW)).toBe(expected);
  });

  test.each([
    ["yesterday", "is not a time"],
    ["2026-05-31T12:00:00", "has no time zone"],
    ["2026-99-99T12:00:00Z", "is not a time"],
    ["5x", "is not a time"],
  ])("%s is refused: it %s, and what would be right is said", (text, words) => {
    const read = () => parseTime(text, NOW);
    expect(read).toThrow(Failure);
    expect(read).toThrow(words);
    expect(read).toThrow(expect.objectContaining({ advice: expect.stringContaining("2h") }));
  });

  test("durations take several units, and nothing else", () => {
    expect(parseDuration("1d2h3m4s5ms")).toBe(93_784_005);
    for (const text of ["", "5", "h", "1.5h", "-1h"])
      expect(() => parseDuration(text)).toThrow("is not a duration");
  });
});

describe("a secret", () => {
  test.each([
    ["my-kv/app/db", undefined, { mount: "my-kv", path: "app/db" }],
    ["team/kv/app", "team/kv", { mount: "team/kv", path: "app" }],
    ["app/db", "team/kv/", { mount: "team/kv", path: "app/db" }],
  ])("%s with mount %s", (text, mount, expected) => {
    expect(parseSecret(text, mount)).toEqual(expected);
  });

  test.each(["my-kv", "my-kv/", "/", "my-kv/data/app", "my-kv/app/"])("%s is refused", (text) => {
    expect(() => parseSecret(text)).toThrow(Failure);
  });
});

test("destinations go by their name, with or without the type", () => {
  expect(parseDestination("azure-kv/kv-prod")).toBe("kv-prod");
  for (const text of ["aws/x", "-x", "", "x y"]) expect(() => parseDestination(text)).toThrow(Failure);
});

test("globs are those of the server", () => {
  for (const glob of ["app/*", "**", "a/**/b", "team-?/db"]) expect(parseGlob(glob)).toBe(glob);
  for (const glob of ["", "/a", "a//b", "a**", "[ab]", "{a,b}", "!a"])
    expect(() => parseGlob(glob)).toThrow(Failure);
});
