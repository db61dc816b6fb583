import { describe, expect, test } from "vitest";
import { rule } from "./fixtures.ts";
import { compareRules, compileRule, type RuledState, ruleOn } from "./match-rule.ts";

const PLAIN: RuledState = { kind: "present", customMetadata: {} };

function covers(match: { mounts?: string[]; paths?: string[] }, mount: string, path: string): boolean {
  const { mounts = ["*"], paths = [] } = match;
  const compiled = compileRule(rule("r", { match: { mounts, paths, customMetadata: {} } }));
  return compiled.coversPath({ namespace: "", mount, path });
}

describe("globs", () => {
  test.each([
    [{ mounts: ["kv"] }, "kv", "a", true],
    [{ mounts: ["kv"] }, "kv2", "a", false],
    [{ mounts: ["team-*"] }, "team-a/kv", "a", true],
    [{ mounts: ["a*a"] }, "a", "x", false],
    [{ mounts: ["x", "kv"] }, "kv", "a", true],
    [{ paths: ["app/*"] }, "kv", "app/x", true],
    [{ paths: ["app/*"] }, "kv", "app/x/y", false],
    [{ paths: ["app/**"] }, "kv", "app/x/y", true],
    [{ paths: ["**/db"] }, "kv", "app/x/db", true],
    [{ paths: ["**/db"] }, "kv", "db", true],
    [{ paths: ["a?c"] }, "kv", "abc", true],
    [{ paths: ["a.c"] }, "kv", "abc", false],
  ])("%j against %s and %s: %s", (match, mount, path, expected) => {
    expect(covers(match, mount, path)).toBe(expected);
  });

  test("a rule covers secrets of its own namespace alone", () => {
    const compiled = compileRule(rule("r", { namespace: "team" }));
    expect(compiled.coversPath({ namespace: "", mount: "kv", path: "a" })).toBe(false);
    expect(compiled.coversPath({ namespace: "team", mount: "kv", path: "a" })).toBe(true);
  });
});

describe("custom metadata", () => {
  const opting = [
    compileRule(
      rule("r", { match: { mounts: ["kv"], paths: [], customMetadata: { sync: "y*", env: "*" } } }),
    ),
  ];
  const at = { namespace: "", mount: "kv", path: "a" };
  const having = (customMetadata: Record<string, string>): RuledState => ({
    kind: "present",
    customMetadata,
  });

  test("a secret opts in by having all keys with values that match", () => {
    expect(ruleOn(opting, at, having({ sync: "yes", env: "" })).kind).toBe("made");
    expect(ruleOn(opting, at, having({ sync: "no", env: "x" })).kind).toBe("opted-out");
    expect(ruleOn(opting, at, having({ sync: "yes" })).kind).toBe("opted-out");
    expect(ruleOn(opting, at, having(Object.create({ sync: "yes", env: "x" }) as never)).kind).toBe(
      "opted-out",
    );
  });

  test("no-state-is-not-gone: without a state nothing is known, and a gone secret is opted out", () => {
    expect(ruleOn(opting, at, undefined).kind).toBe("unknown");
    expect(ruleOn(opting, at, { kind: "gone" }).kind).toBe("opted-out");
    expect(ruleOn(opting, { ...at, mount: "other" }, undefined).kind).toBe("none");
  });
});

test("of two rules the oldest makes the association, and of two of one age the first by name", () => {
  const rules = [
    rule("b", { createdAt: "2026-01-02" }),
    rule("c", { createdAt: "2026-01-01" }),
    rule("a", { createdAt: "2026-01-02" }),
  ].map(compileRule);
  expect(rules.toSorted(compareRules).map((one) => one.rule.name)).toEqual(["c", "a", "b"]);
  const ruling = ruleOn(rules.toSorted(compareRules), { namespace: "", mount: "kv", path: "x" }, PLAIN);
  expect(ruling).toMatchObject({ kind: "made", rule: { name: "c" } });
});
