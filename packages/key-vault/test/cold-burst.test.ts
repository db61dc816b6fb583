// Hazard cold-client-burst: 200 first calls at once on a cold client. No value leaves without a token, one token is
// fetched, and the handshake is not repeated for each.
import { SecretValue } from "@keyferry/ports";
import { expect, test } from "vitest";
import { call, startWorld, VAULT } from "./world.ts";

test("cold-client-burst: 200 puts on a cold client: no body without a token, 1 token request, 202 requests", async () => {
  await using world = await startWorld();
  const { vault, emulator } = world;
  const puts = Array.from({ length: 200 }, (_, n) =>
    vault.put(`s${n}`, { value: new SecretValue(`value ${n}`), tags: {} }, call()),
  );
  const results = await Promise.all(puts);
  expect(results.every(({ kind }) => kind === "put")).toBe(true);
  expect(emulator.oracle.leaks()).toEqual([]);
  const requests = emulator.oracle.requests({ vault: VAULT });
  // Not only no value: no body at all went to the vault before there was a token.
  const bodies = requests.filter(({ hadToken, bodyBytes }) => !hadToken && bodyBytes > 0);
  expect(bodies).toEqual([]);
  expect(emulator.oracle.snapshot().tokens).toBe(1);
  // The primer's probe without and with a token, and the 200.
  expect(requests).toHaveLength(202);
});

test("deletes, recovers and puts in one cold burst share the token", async () => {
  await using world = await startWorld();
  const { vault, emulator } = world;
  await Promise.all(
    Array.from({ length: 20 }, (_, n) => [
      vault.delete(`d${n}`, call()),
      vault.recover(`r${n}`, call()),
      vault.put(`p${n}`, { value: new SecretValue("v"), tags: {} }, call()),
    ]).flat(),
  );
  expect(emulator.oracle.leaks()).toEqual([]);
  expect(emulator.oracle.snapshot().tokens).toBe(1);
});

test("one caller that gives up during the handshake does not take the others with it", async () => {
  await using world = await startWorld();
  const { vault, emulator } = world;
  emulator.faults.add({ fault: { kind: "latency", ms: 200 }, operations: ["token"] });
  const giveUp = new AbortController();
  const first = vault.put("a", { value: new SecretValue("v"), tags: {} }, { signal: giveUp.signal });
  const second = vault.put("b", { value: new SecretValue("v"), tags: {} }, call());
  giveUp.abort();
  await expect(first).rejects.toMatchObject({ code: "operation-aborted" });
  expect(await second).toMatchObject({ kind: "put" });
  expect(emulator.oracle.snapshot().tokens).toBe(1);
});

test("denied to list, a client is primed all the same", async () => {
  await using world = await startWorld();
  const { vault, emulator } = world;
  emulator.faults.add({
    fault: { kind: "error", status: 403, code: "Forbidden", innerCode: "ForbiddenByRbac" },
    operations: ["list"],
  });
  expect(await vault.put("a", { value: new SecretValue("v"), tags: {} }, call())).toMatchObject({
    kind: "put",
  });
});
