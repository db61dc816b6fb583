// Soft delete in slow motion: the three conflicts of a name, as outcomes, on the vaults' own frozen clock.
import { SecretValue } from "@keyferry/ports";
import { expect, test } from "vitest";
import { call, startWorld } from "./world.ts";

const DELAYS = { deletingMs: 5_000, recoverReadableMs: 1_000, recoverWritableMs: 10_000, purgingMs: 3_000 };
const secret = { value: new SecretValue("v"), tags: {} };

test("a name on its way out and back again answers with the reason of each conflict", async () => {
  await using world = await startWorld({ softDelete: DELAYS, frozenClock: true });
  const { vault, emulator } = world;
  await vault.put("a", secret, call());
  await vault.delete("a", call());
  expect(await vault.put("a", secret, call())).toEqual({ kind: "conflict", reason: "being-deleted" });
  emulator.clock.advance(DELAYS.deletingMs);
  expect(await vault.put("a", secret, call())).toEqual({ kind: "conflict", reason: "deleted-recoverable" });
  expect(await vault.recover("a", call())).toEqual({ kind: "recovering" });
  expect(await vault.put("a", secret, call())).toEqual({ kind: "conflict", reason: "being-recovered" });
  expect((await vault.delete("a", call())).kind).toBe("conflict");
  emulator.clock.advance(DELAYS.recoverWritableMs);
  expect(await vault.put("a", secret, call())).toMatchObject({ kind: "put" });
});

test("a conflict that names no reason is one of its own", async () => {
  await using world = await startWorld();
  const { vault, emulator } = world;
  emulator.faults.add({
    fault: { kind: "error", status: 409, code: "Conflict" },
    operations: ["set"],
    count: 1,
  });
  expect(await vault.put("a", secret, call())).toEqual({ kind: "conflict", reason: "other" });
});

test("a 404 that is not Key Vault's own is an error, not an absence (P1)", async () => {
  await using world = await startWorld();
  const { vault, emulator } = world;
  emulator.faults.add({
    fault: { kind: "error", status: 404, code: "NotHere" },
    operations: ["delete", "getDeleted"],
  });
  await expect(vault.delete("a", call())).rejects.toMatchObject({ code: "vault-error" });
  await expect(vault.deleted("a", call())).rejects.toMatchObject({ code: "vault-error" });
});
