// The paths of operating that a sink takes part in: what they ask it, and what they answer. That each answer is as the
// OpenAPI document has it is checked by every call.
import type {
  CheckFinding,
  ConnectionCheckRequest,
  DriftFinding,
  VaultLookRequest,
} from "@keyferry/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorld, type World } from "./support/world.ts";

let world: World;
const checked: ConnectionCheckRequest[] = [];
const looked: VaultLookRequest[] = [];

beforeAll(async () => {
  world = await startWorld();
  await world.createDestination("kv");
  await world.write("app");
  await world.set("kv", "app");
  await world.observe("app");
  await world.command("kv", "app");
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

const plan = () => world.call("PUT", "sys/sync/plan/destinations/azure-kv/kv", {});

test("a plan without a sink says that nobody looked, and what it does not know", async () => {
  const { data } = await plan();
  expect(data["counts"]).toMatchObject({ create: 1, refuse: 0 });
  expect(data["notes"]).toEqual([
    expect.stringMatching(/Key Vault was not looked at .* may still be refused/),
    expect.any(String),
  ]);
});

test("a plan asks a sink about its new names, with who would write them, and refuses what is somebody's", async () => {
  world.bus.vaultLooks.answer(async (request) => {
    looked.push(request);
    const names = request.kind === "names" ? request.names : [];
    return {
      major: 1,
      notLooked: [],
      failure: null,
      names: names.map(({ name }) => ({ name, there: "deleted", mark: "none", whose: "nobody" })),
    };
  });
  await expect
    .poll(async () => (await plan()).data["counts"], { timeout: 20_000 })
    .toMatchObject({ refuse: 1 });
  const association = (await world.association("kv", "app"))?.uid;
  expect(looked.at(-1)).toMatchObject({ kind: "names", destination: "kv", names: [{ association }] });
  expect(JSON.stringify(looked)).not.toContain("canary");
  const [action] = (await plan()).data["actions"] as { kind: string; why: string }[];
  expect(action).toMatchObject({ kind: "refuse", why: expect.stringContaining("soft-deleted") });
});

test("a plan of a destination that is not there asks about the vault that it would lead to", async () => {
  const { data } = await world.call("PUT", "sys/sync/plan/destinations/azure-kv/new", {
    key_vault_uri: "https://kv-new.vault.azure.net",
    tenant_id: "11111111-2222-3333-4444-555555555555",
    client_id: "66666666-7777-8888-9999-000000000000",
    client_secret: "a-canary-secret",
    mount: "secret",
  });
  expect(data["counts"]).toMatchObject({ refuse: 1 });
  expect(looked.at(-1)).toMatchObject({
    destination: "new",
    connection: { keyVaultUri: "https://kv-new.vault.azure.net", credential: { kind: "environment" } },
  });
  expect(JSON.stringify(looked)).not.toContain("canary");
});

test("the doctor looks at each connection, writes a probe only when asked to, and by a right of its own", async () => {
  const wrong: CheckFinding = {
    check: "list",
    ok: false,
    detail: "403",
    advice: "Give a role.",
    isCertain: false,
  };
  world.bus.connectionChecks.answer(async (request) => {
    checked.push(request);
    return [wrong];
  });
  world.bus.presence.answer(() => ({
    major: 1,
    service: "azure-sink",
    id: "x",
    version: "0.1.0",
    startedAt: 0,
    now: Date.now(),
    waitingFor: [],
  }));
  const found = async (method: string, body?: unknown) => {
    const { data } = await world.call(method, "sys/sync/doctor", body);
    return (data["findings"] as { id: string }[]).find(({ id }) => id === "connection-list");
  };
  await expect.poll(() => found("GET"), { timeout: 20_000 }).toMatchObject({ level: "fault" });
  expect(checked.at(-1)).toMatchObject({ destination: "kv", write: false });
  expect(await found("PUT", { probe: true })).toMatchObject({ level: "fault" });
  expect(checked.at(-1)).toMatchObject({ write: true });
  const reader = await world.tokenFor('path "sys/sync/doctor" { capabilities = ["read"] }');
  expect((await world.call("GET", "sys/sync/doctor", undefined, { token: reader })).status).toBe(200);
  expect((await world.call("PUT", "sys/sync/doctor", { probe: true }, { token: reader })).status).toBe(403);
});

const ORPHANS = "sys/sync/orphans/azure-kv/kv";

/** As a sink that has looked at the whole vault. */
async function report(findings: readonly DriftFinding[]): Promise<void> {
  const { uid } = await world.destination("kv");
  const key = `drift-report.${uid}`;
  const before = await world.bus.driftReports.get(key);
  const at = new Date().toISOString();
  await world.bus.driftReports.put(
    key,
    {
      major: 1,
      destination: uid,
      requestedAt: null,
      startedAt: at,
      finishedAt: at,
      mode: "check",
      listed: findings.length,
      owned: 0,
      counts: { orphan: findings.length },
      findings: [...findings],
      onlyReported: null,
      failure: null,
    },
    before?.sequence ?? 0,
  );
}

const orphan = (name: string, mark: string): DriftFinding => ({
  name,
  kind: "orphan",
  secretKey: null,
  secret: null,
  action: "reported",
  detail: "of nobody",
  mark,
});

test("orphans: none are told of before a look; a list has a digest; exactly that list is approved, once it is looked at", async () => {
  expect((await world.call("GET", ORPHANS)).status).toBe(404);
  await report([orphan("b", "m2"), orphan("a", "m1")]);
  const { data } = await world.call("GET", ORPHANS);
  expect(data).toMatchObject({ total: 2, orphans: [{ name: "a" }, { name: "b" }] });
  expect((await world.call("PUT", `${ORPHANS}/collect`, {})).status).toBe(400);
  // Another mark under the same name is another orphan.
  await report([orphan("b", "m2"), orphan("a", "m3")]);
  const stale = await world.call("PUT", `${ORPHANS}/collect`, { digest: data["digest"] });
  expect(stale).toMatchObject({ status: 409, errors: [expect.stringContaining("other orphans")] });
  const { digest } = (await world.call("GET", ORPHANS)).data;
  expect((await world.call("PUT", `${ORPHANS}/collect`, { digest })).status).toBe(200);
  const { uid } = await world.destination("kv");
  expect((await world.bus.driftRequests.get(`drift-request.${uid}`))?.value).toMatchObject({
    mode: "check",
    collect: [
      { name: "a", mark: "m3" },
      { name: "b", mark: "m2" },
    ],
  });
  await report([]);
  expect((await world.call("PUT", `${ORPHANS}/collect`, { digest })).status).toBe(409);
});

test("drift: a repair of more than 5 % goes along only where it was asked for", async () => {
  const { uid } = await world.destination("kv");
  const asked = async () => (await world.bus.driftRequests.get(`drift-request.${uid}`))?.value;
  const path = "sys/sync/drift/azure-kv/kv/repair";
  await world.call("PUT", path, {});
  expect(await asked()).not.toHaveProperty("evenIfMany");
  await world.call("PUT", path, { even_if_many: "true" });
  expect(await asked()).toMatchObject({ mode: "repair", evenIfMany: true });
  expect((await world.call("PUT", path, { even_if_many: "perhaps" })).status).toBe(400);
});
