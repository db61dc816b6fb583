// Adoption by the API: a sink looks, a person orders exactly what was shown, and the command alone carries the leave.
import { KeyferryError } from "@keyferry/errors";
import type { SeenName, VaultLookRequest } from "@keyferry/contracts";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startWorld, type World } from "./support/world.ts";

let world: World;
let asked: VaultLookRequest[] = [];
/** What the sink sees there; undefined: it does not answer. */
let there: ((secretKey: string) => Partial<SeenName>) | "nobody" | { failure: string };

beforeAll(async () => {
  world = await startWorld();
  world.bus.vaultLooks.answer(async (request) => {
    asked.push(request);
    if (there === "nobody") throw new Error("it is not there");
    if (request.kind === "names") throw new Error("nobody plans here");
    if (typeof there !== "function") {
      return { major: 1, names: [], notLooked: [], failure: there.failure };
    }
    const see = there;
    const names = request.pairs.map((secretKey): SeenName => ({
      name: "app",
      secretKey,
      there: "present",
      mark: "none",
      whose: "nobody that Keyferry knows",
      token: "token-1",
      version: "a".repeat(32),
      createdOn: 1_700_000_000_000,
      tags: ["team"],
      ...(request.compare ? { value: "same", comparedWith: { incarnation: "i", version: 1 } } : {}),
      ...see(secretKey),
    }));
    return { major: 1, names, notLooked: [], failure: null };
  });
  await world.createDestination("kv");
  for (const path of ["app", "web", "fine"]) {
    await world.write(path);
    await world.set("kv", path);
    await world.observe(path);
    await world.command("kv", path);
  }
  const error = new KeyferryError("foreign-owner", "The Key Vault secret app belongs to nobody").report();
  await world.end("kv", "app", { kind: "refused", error });
  await world.end("kv", "web", { kind: "refused", error });
  await world.end("kv", "fine", { kind: "synced", version: 1, wrote: true });
});

beforeEach(() => {
  asked = [];
  there = () => ({});
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

const plan = (body: unknown = {}) => world.call("PUT", "sys/sync/adopt/azure-kv/kv/plan", body);
const order = (body: unknown) => world.call("PUT", "sys/sync/adopt/azure-kv/kv", body);

test("a plan names what is refused, what lies there and what would become of it", async () => {
  const { data } = await plan();
  expect(data).toMatchObject({ looked: true, total: 2 });
  expect(data["rows"]).toMatchObject([
    { secret: "secret/app", name: "app", would: "write", there: "present", tags: ["team"], value: null },
    { secret: "secret/web", would: "write" },
  ]);
  expect(asked).toMatchObject([{ kind: "pairs", compare: false }]);
});

test("compared, what holds the value already is only marked", async () => {
  const { data } = await plan({ compare: "true", secrets: "secret/app" });
  expect(data["rows"]).toMatchObject([{ secret: "secret/app", would: "mark", value: "same" }]);
});

test("secrets that are not refused for this, or not associated, are named", async () => {
  const { status, errors } = await plan({ secrets: ["secret/fine", "secret/none"] });
  expect(status).toBe(400);
  expect(errors).toEqual([
    "secret/none is not associated with kv: associate it first",
    expect.stringContaining("secret/fine is not refused for a name that is somebody else's: it is SYNCED"),
  ]);
});

test("without a sink the plan shows what is known, and nothing is ordered", async () => {
  there = { failure: "vault-unreachable: Key Vault did not answer" };
  const { data } = await plan();
  expect(data).toMatchObject({ looked: false, notes: [expect.stringContaining("vault-unreachable")] });
  expect(data["rows"]).toMatchObject([
    { secret: "secret/app", would: "unknown", why: expect.stringContaining("foreign-owner") },
    {},
  ]);
  const { status, errors } = await order({ digest: data["digest"] });
  expect(status).toBe(503);
  expect(errors[0]).toContain("nothing was taken over");
});

test("an order without the digest, or with that of another look, orders nothing", async () => {
  expect((await order({})).status).toBe(400);
  const { data } = await plan();
  there = () => ({ token: "token-2" });
  const { status, errors } = await order({ digest: data["digest"] });
  expect(status).toBe(409);
  expect(errors[0]).toContain("is not what was looked at any more");
  const { value } = await world.command("kv", "app");
  expect(value.adopt).toBeUndefined();
});

test("an order reaches exactly the chosen secrets, with leave for what was seen; a later command has none", async () => {
  const secrets = ["secret/app"];
  const { data } = await plan({ secrets, compare: true });
  const ordered = await order({ secrets, compare: true, digest: data["digest"] });
  expect(ordered.data).toMatchObject({ ordered: ["secret/app"], skipped: [] });
  const { value, lane } = await world.command("kv", "app", ({ adopt }) => adopt !== undefined);
  expect(value).toMatchObject({
    op: "sync",
    adopt: { app: { seen: "token-1", holds: { keyVaultVersion: "a".repeat(32), version: 1 } } },
  });
  expect(lane).toBe("bulk");
  expect((await world.command("kv", "web")).value.adopt).toBeUndefined();
  expect((await world.destination("kv")).policy?.ownership).toBeUndefined();
  await world.write("app");
  await world.observe("app");
  await world.command("kv", "app", ({ adopt }) => adopt === undefined);
});

test("a caller without the right is refused before anything is looked at", async () => {
  const token = await world.tokenFor('path "sys/sync/status" { capabilities = ["read"] }');
  const answer = await world.call("PUT", "sys/sync/adopt/azure-kv/kv/plan", {}, { token });
  expect(answer.status).toBe(403);
  expect(asked).toEqual([]);
});
