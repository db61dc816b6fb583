// Rules, what people set and remove, and what the secrets say, together: over tables in memory.
import { describe, expect, test } from "vitest";
import { associationUidOf, normaliseName } from "@keyferry/naming";
import { DESTINATION } from "../resolve/fixtures.ts";
import { keyOf, rule, ruledWorld, stateWith } from "./fixtures.ts";

const PLAIN = stateWith({});
const optIn = { mounts: ["kv"], paths: [], customMetadata: { sync: "yes" } };

describe("what a rule makes", () => {
  test("a rule covers secrets that were there before it, and those that come after it", () => {
    const world = ruledWorld();
    world.see("before", PLAIN);
    world.rules.force("r", rule("r"));
    world.see("after", PLAIN);
    expect(world.active()).toEqual(["after by r", "before by r"]);
  });

  test("a secret that opts out by its own metadata, or is gone, leaves", () => {
    const world = ruledWorld();
    world.rules.force("r", rule("r", { match: optIn }));
    world.see("a", stateWith({ sync: "yes" }));
    expect(world.active()).toEqual(["a by r"]);
    world.see("a", stateWith({ sync: "no" }));
    expect(world.active()).toEqual([]);
    world.see("a", stateWith({ sync: "yes" }));
    world.see("a", { kind: "gone" });
    expect(world.active()).toEqual([]);
  });

  test("own-mount-associated: Keyferry's own mount is covered by no rule", () => {
    const world = ruledWorld();
    world.rules.force("r", rule("r", { match: { mounts: ["*"], paths: [], customMetadata: {} } }));
    world.see("instance/tag-keys", PLAIN, "keyferry");
    expect(world.active()).toEqual([]);
  });

  test("rule-as-deputy: a rule reaches what its destination is allowed, and no more", () => {
    const world = ruledWorld();
    world.destinations.force("name.-.azure-kv.ZA", { ...DESTINATION, source: { allowed: ["kv/app"] } });
    world.rules.force("r", rule("r"));
    world.see("app/x", PLAIN);
    world.see("prod/x", PLAIN);
    expect(world.active()).toEqual(["app/x by r"]);
  });

  test("name-squatting: of two paths that Key Vault can't tell apart only the one that needed no change gets the plain name", () => {
    const plain = normaliseName("x-y", { hashWhenAltered: true });
    const squatter = normaliseName("x_y", { hashWhenAltered: true });
    expect(plain).toMatchObject({ name: "x-y" });
    expect(squatter).toMatchObject({ name: expect.stringMatching(/^x-y-[a-z2-7]{12}$/) });
  });
});

describe("what a person does to it", () => {
  test("rule-makes-it-again: what was removed stays removed until a person sets it", async () => {
    const world = ruledWorld();
    world.rules.force("r", rule("r"));
    world.see("a", PLAIN);
    await world.remove("a");
    world.see("a", PLAIN);
    world.rules.force("r", rule("r", { updatedAt: "2026-02-01" }));
    expect(world.active()).toEqual([]);
    await world.set("a");
    expect(world.active()).toEqual(["a"]);
  });

  test("it keeps its uid when a person sets it, and when nothing but the rule is left of it", async () => {
    const world = ruledWorld();
    world.rules.force("r", rule("r"));
    world.see("a", PLAIN);
    const key = `${DESTINATION.uid}.${keyOf("a")}`;
    const made = world.effective.get(key)?.entry.value;
    expect(made?.uid).toBe(associationUidOf(DESTINATION.uid, keyOf("a")));
    expect(made?.spec.byRule).toBe(true);
    await world.set("a");
    const set = world.effective.get(key)?.entry.value;
    expect(set).toMatchObject({ uid: made?.uid, state: "active" });
    // A person chose it: Vault's own name (O19).
    expect(set?.spec.byRule).toBeUndefined();
  });

  test("removing what no rule covers leaves a tombstone, not an exclusion", async () => {
    const world = ruledWorld();
    world.see("a", PLAIN);
    await world.set("a");
    await world.remove("a");
    const stored = await world.associations.get(`${DESTINATION.uid}.${keyOf("a")}`);
    expect(stored?.value.state).toBe("removed");
  });

  test("remount-keeps-accessor: what was set before its mount moved is removed by the mount's new path too", async () => {
    const world = ruledWorld();
    world.see("a", PLAIN, "old");
    await world.set("a", "old");
    world.see("a", PLAIN, "new");
    await world.remove("a", "new");
    expect(world.active()).toEqual([]);
  });
});
