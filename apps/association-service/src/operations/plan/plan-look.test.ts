import type { SeenName, VaultLookReply, VaultLookRequest } from "@keyferry/contracts";
import { describe, expect, test } from "vitest";
import { lookForPlan, meaningOf, type VaultOfPlan } from "./plan-look.ts";

const VAULT: VaultOfPlan = {
  name: "kv",
  connection: {
    keyVaultUri: "https://kv.vault.azure.net",
    tenantId: "t",
    clientId: "c",
    credential: { kind: "environment" },
  },
  policy: { rateGroup: "sub-1" },
};
const SEEN: SeenName = { name: "App", there: "present", mark: "none", whose: "nobody" };

const answering = (reply: Partial<VaultLookReply> | undefined, asked: VaultLookRequest[] = []) => ({
  ask: async (request: VaultLookRequest) => {
    asked.push(request);
    return reply && { major: 1 as const, names: [], notLooked: [], failure: null, ...reply };
  },
});

describe("the look of a plan", () => {
  test("asks nothing where no name is new", async () => {
    const asked: VaultLookRequest[] = [];
    await lookForPlan(answering({}, asked), VAULT, []);
    expect(asked).toEqual([]);
  });

  test("asks within the vault's rate group, and keys what was seen by the lower-case name", async () => {
    const asked: VaultLookRequest[] = [];
    const { inVault } = await lookForPlan(answering({ names: [SEEN] }, asked), VAULT, [{ name: "App" }]);
    expect(asked).toMatchObject([{ kind: "names", rateGroup: "sub-1", names: [{ name: "App" }] }]);
    expect(inVault?.get("app")).toMatchObject({ kind: "refused" });
  });

  test.each([
    [undefined, /no azure-sink answered/],
    [{ failure: "vault-denied: 403" }, /vault-denied: 403/],
  ])("says that nobody looked, and what the plan does not know then", async (reply, why) => {
    const { inVault, notes } = await lookForPlan(answering(reply), VAULT, [{ name: "a" }]);
    expect(inVault).toBeUndefined();
    expect(notes[0]).toMatch(why);
    expect(notes[0]).toMatch(/may still be refused/);
  });

  test("asks for as many names as one question takes, and says how many are left", async () => {
    const names = Array.from({ length: 2_001 }, (_, index) => ({ name: `n${index}` }));
    const { notes } = await lookForPlan(answering({}), VAULT, names);
    expect(notes[1]).toMatch(/Of 1 more names nothing is known/);
  });
});

const kindOf = (over: Partial<SeenName>, ownership: "refuse" | "adopt" | "overwrite" = "refuse") =>
  meaningOf({ ...SEEN, ...over }, ownership)?.kind;

describe("what lies under a new name", () => {
  test("nothing, or this association's own, can be written; its soft-deleted one is recovered first", () => {
    expect(kindOf({ there: "absent", mark: "free" })).toBeUndefined();
    expect(kindOf({ mark: "ours" })).toBeUndefined();
    expect(kindOf({ there: "deleted", mark: "ours" })).toBe("recovered");
  });

  test("somebody's is refused, soft-deleted or not, unless the destination's ownership takes it over", () => {
    expect(kindOf({})).toBe("refused");
    expect(kindOf({ there: "deleted" })).toBe("refused");
    expect(kindOf({}, "adopt")).toBe("taken-over");
    expect(kindOf({ there: "deleted" }, "adopt")).toBe("recovered");
    expect(kindOf({ mark: "other-instance" }, "adopt")).toBe("refused");
    expect(kindOf({ mark: "other-instance" }, "overwrite")).toBe("taken-over");
    expect(kindOf({ mark: "managed" }, "overwrite")).toBe("refused");
    expect(kindOf({ mark: "sibling" }, "overwrite")).toBe("refused");
    expect(kindOf({ mark: "unknown-key" }, "overwrite")).toBe("refused");
  });
});
