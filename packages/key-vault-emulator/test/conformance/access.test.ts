// Proves: who may do what: RBAC data actions, access policies, the firewall.
import { expect, test } from "vitest";
import type { Access, DataAction, Permission } from "../../src/index.ts";
import { told } from "../support/refusals.ts";
import type { Told } from "../support/refusals.ts";
import { needs, vaultUnderTest } from "../support/vault-under-test.ts";
import { DEFAULT_CLIENT_ID } from "../../src/index.ts";

const vault = vaultUnderTest({ frozenClock: true, softDelete: "instant" });

/** One call of each operation, each on a secret that is there (or deleted) for it. */
const CALLS = {
  set: ["PUT", "/secrets/active", { value: "v" }],
  get: ["GET", "/secrets/active", undefined],
  update: ["PATCH", "/secrets/active", { tags: { a: "b" } }],
  list: ["GET", "/secrets", undefined],
  listVersions: ["GET", "/secrets/active/versions", undefined],
  backup: ["POST", "/secrets/active/backup", undefined],
  getDeleted: ["GET", "/deletedsecrets/deleted", undefined],
  listDeleted: ["GET", "/deletedsecrets", undefined],
  delete: ["DELETE", "/secrets/to-delete", undefined],
  recover: ["POST", "/deletedsecrets/to-recover/recover", undefined],
  purge: ["DELETE", "/deletedsecrets/to-purge", undefined],
} as const;
type Call = keyof typeof CALLS;

async function fill(inVault: string): Promise<void> {
  allow(inVault, { model: "all" });
  for (const name of ["active", "deleted", "to-delete", "to-recover", "to-purge"]) {
    await vault.raw("PUT", `/secrets/${name}`, { vault: inVault, body: { value: "v" } });
  }
  for (const name of ["deleted", "to-recover", "to-purge"]) {
    await vault.raw("DELETE", `/secrets/${name}`, { vault: inVault });
  }
}

function allow(inVault: string, access: Access): void {
  vault.emulator.access.grant(DEFAULT_CLIENT_ID, access, inVault);
}

async function call(inVault: string, which: Call): Promise<Told> {
  const [method, path, body] = CALLS[which];
  return told(await vault.raw(method, path, { vault: inVault, ...(body === undefined ? {} : { body }) }));
}

/** Which of all calls are let through. */
async function allowedCalls(inVault: string, inner: string): Promise<readonly Call[]> {
  const through: Call[] = [];
  for (const which of Object.keys(CALLS) as Call[]) {
    const answer = await call(inVault, which);
    if (answer.status !== 403) through.push(which);
    else if (answer.code !== "Forbidden" || answer.inner !== inner) throw new Error(JSON.stringify(answer));
  }
  return through;
}

test("the usual principal may set and read", async () => {
  const client = vault.client();
  const name = vault.freshName("access");
  await client.setSecret(name, "v");
  expect((await client.getSecret(name)).value).toBe("v");
});

test.each(
  needs("control").flatMap((): [DataAction, Call[]][] => [
    ["setSecret", ["set"]],
    ["getSecret", ["get"]],
    ["readMetadata", ["list", "listVersions", "getDeleted", "listDeleted"]],
    ["update", ["update"]],
    ["delete", ["delete"]],
    ["recover", ["recover"]],
    ["purge", ["purge"]],
    ["backup", ["backup"]],
    ["restore", []],
  ]),
)("the data action %s allows just %j", async (action, expected) => {
  const inVault = `rbac-${action.toLowerCase()}`;
  await fill(inVault);
  allow(inVault, { model: "rbac", actions: [action] });
  expect(await allowedCalls(inVault, "ForbiddenByRbac")).toEqual(expected);
});

test.each(
  needs("control").flatMap((): [Permission, Call[]][] => [
    ["set", ["set", "update"]],
    ["get", ["get", "getDeleted"]],
    ["list", ["list", "listVersions", "listDeleted"]],
    ["delete", ["delete"]],
    ["recover", ["recover"]],
    ["purge", ["purge"]],
    ["backup", ["backup"]],
    ["restore", []],
  ]),
)("the permission %s of an access policy allows just %j", async (permission, expected) => {
  const inVault = `policy-${permission}`;
  await fill(inVault);
  allow(inVault, { model: "policy", permissions: [permission] });
  expect(await allowedCalls(inVault, "AccessDenied")).toEqual(expected);
});

test.each(needs("control"))("a grant for one vault says nothing about another", async () => {
  await fill("access-here");
  await fill("access-there");
  allow("access-here", { model: "rbac", actions: [] });
  expect((await call("access-here", "get")).status).toBe(403);
  expect((await call("access-there", "get")).status).toBe(200);
});

test.each(needs("control"))(
  "a writer that cannot read still gets its own value back from a set",
  async () => {
    await fill("access-writer");
    allow("access-writer", { model: "rbac", actions: ["setSecret"] });
    const { json } = await vault.raw("PUT", "/secrets/active", {
      vault: "access-writer",
      body: { value: "mine" },
    });
    expect(json["value"]).toBe("mine");
  },
);

test.each(needs("control"))("without a right nobody learns what is there", async () => {
  await fill("access-blind");
  allow("access-blind", { model: "rbac", actions: [] });
  const there = await call("access-blind", "get");
  const notThere = told(await vault.raw("GET", "/secrets/nothing", { vault: "access-blind" }));
  expect(notThere).toEqual(there);
});

test.each(needs("control"))("a right that is granted later counts at once", async () => {
  await fill("access-later");
  allow("access-later", { model: "rbac", actions: [] });
  expect((await call("access-later", "set")).status).toBe(403);
  allow("access-later", { model: "rbac", actions: ["setSecret"] });
  expect((await call("access-later", "set")).status).toBe(200);
});

test.each(needs("control"))("a closed firewall refuses everything with ForbiddenByFirewall", async () => {
  await fill("access-wall");
  vault.emulator.access.setFirewall("access-wall", "closed");
  expect(await allowedCalls("access-wall", "ForbiddenByFirewall")).toEqual([]);
  vault.emulator.access.setFirewall("access-wall", "open");
  expect((await call("access-wall", "get")).status).toBe(200);
});

test.each(needs("control"))("a refused call has no effect", async () => {
  await fill("access-effect");
  const before = vault.emulator.oracle.effects({ vault: "access-effect" }).length;
  allow("access-effect", { model: "rbac", actions: [] });
  await allowedCalls("access-effect", "ForbiddenByRbac");
  expect(vault.emulator.oracle.effects({ vault: "access-effect" })).toHaveLength(before);
});
