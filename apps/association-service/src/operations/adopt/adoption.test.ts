import type { SeenName } from "@keyferry/contracts";
import { describe, expect, test } from "vitest";
import { type Candidate, leavesOf, planAdoption, unseen } from "./adoption.ts";

const APP: Candidate = { secretKey: "k1", secret: "my-kv/app", reason: "foreign-owner: it is somebody's" };
const THERE: SeenName = {
  name: "App",
  secretKey: "k1",
  there: "present",
  mark: "none",
  whose: "nobody",
  token: "t1",
  version: "v1",
  comparedWith: { incarnation: "i", version: 3 },
};

const would = (over: Partial<SeenName>): string | undefined =>
  planAdoption([APP], [{ ...THERE, ...over }], []).rows[0]?.would;

describe("an adoption", () => {
  test("marks what holds the wished value, writes what differs, recovers what is soft-deleted", () => {
    expect(would({ value: "same" })).toBe("mark");
    expect(would({ value: "different" })).toBe("write");
    expect(would({ value: "unknown" })).toBe("write");
    expect(would({})).toBe("write");
    expect(would({ there: "deleted" })).toBe("recover");
  });

  test("writes the same value anew where a date would stay", () => {
    expect(would({ value: "same", hasDate: true })).toBe("write");
  });

  test.each(["sibling", "managed", "released", "other-instance", "forged", "unknown-key"] as const)(
    "never takes over what is %s",
    (mark) => {
      const plan = planAdoption([APP], [{ ...THERE, mark }], []);
      expect(plan.rows[0]?.would).toBe("refuse");
      expect(leavesOf(plan).size).toBe(0);
    },
  );

  test("gives leave for exactly what was seen, by the lower-case name", () => {
    const plan = planAdoption([APP], [{ ...THERE, value: "same" }], []);
    expect(leavesOf(plan).get("k1")).toEqual({
      app: { seen: "t1", holds: { keyVaultVersion: "v1", incarnation: "i", version: 3 } },
    });
    expect(leavesOf(planAdoption([APP], [THERE], [])).get("k1")).toEqual({ app: { seen: "t1" } });
  });

  test("ADP-1: another version there, or another verdict, is another digest", () => {
    const digest = (over: Partial<SeenName>) => planAdoption([APP], [{ ...THERE, ...over }], []).digest;
    const all = [{}, { token: "t2" }, { value: "same" as const }, { there: "deleted" as const }].map(digest);
    expect(new Set(all).size).toBe(4);
    expect(digest({})).toBe(digest({ whose: "other words" }));
  });

  test("what nobody could look at is unknown, and gets no leave", () => {
    const plan = planAdoption([APP], [], [{ secretKey: "k1", why: "sealed" }]);
    expect(plan.rows).toMatchObject([{ would: "unknown", why: "sealed", name: null }]);
    expect(leavesOf(plan).size).toBe(0);
    expect(unseen([APP]).rows).toMatchObject([{ would: "unknown", why: APP.reason }]);
  });
});
