// Proves that a detector that logs in by AppRole works with the policy that is printed for it, past the end of its first
// lease, and that this policy gives it no value.
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, VaultApi } from "@keyferry/testkit";
import { currentIs, startWorld, type World } from "./world.ts";

let world: World;

beforeAll(async () => {
  world = await startWorld({ hints: "audit-file", login: true });
});

afterAll(() => world[Symbol.asyncDispose]());

test("hints and sweeps work by a login, and go on when its lease is renewed", async () => {
  await world.write("by-hint");
  await world.last("by-hint", currentIs(1));
  await world.write("by-sweep", "secret");
  await world.associate("by-sweep");
  await world.last("by-sweep", currentIs(1));
  const renewals = await renewed();
  await eventually(renewed, { what: "the lease to be renewed twice", until: (now) => now >= renewals + 2 });
  await world.write("by-hint");
  await world.last("by-hint", currentIs(2));
});

test("least privilege: the detector's policy reads no value", async () => {
  const root = new VaultApi(world.bao.url, world.bao.rootToken);
  const { body } = await root.call("POST", "auth/token/create", { policies: ["detector"] });
  const token = (body as { auth: { client_token: string } }).auth.client_token;
  const detector = root.withToken(token);
  expect((await detector.call("GET", "secret/metadata/by-hint")).status).toBe(200);
  expect((await detector.call("GET", "secret/data/by-hint")).status).toBe(403);
  expect((await detector.call("GET", "secret/subkeys/by-hint")).status).toBe(403);
});

async function renewed(): Promise<number> {
  const lines = (await readFile(world.bao.auditFile, "utf8")).split("\n");
  return lines.filter((line) => line.includes('"path":"auth/token/renew-self"')).length / 2;
}
