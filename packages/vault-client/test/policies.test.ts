// Proves on a real OpenBao what tokens with the printed policies can do and what they can't: the detector reads metadata
// and no value, the sink the values that it is given and no others, the API no value of a mount that is synced.
import { SecretValue, silentLogger, systemClock } from "@keyferry/ports";
import { type OpenBaoServer, startOpenBao, VaultApi } from "@keyferry/testkit";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { apiPolicy, createVaultClient, detectorPolicy, sinkPolicy, type VaultClient } from "../src/index.ts";

const MOUNTS = ["secret", "team/kv"];
const clients: VaultClient[] = [];
let bao: OpenBaoServer;
let root: VaultApi;

beforeAll(async () => {
  bao = await startOpenBao();
  root = new VaultApi(bao.url, bao.rootToken);
  for (const mount of ["team/kv", "other"]) await root.mountKv2(mount);
  for (const mount of [...MOUNTS, "other"]) {
    await root.putSecret(mount, "app/db", { password: "a value" });
    await root.putSecret(mount, "else", { password: "a value" });
  }
});

afterAll(() => bao.stop());

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

async function clientWith(name: string, policy: string): Promise<VaultClient> {
  const token = await root.tokenFor(name, policy);
  const client = createVaultClient({
    address: bao.url,
    token: new SecretValue(token),
    clock: systemClock,
    logger: silentLogger,
  });
  clients.push(client);
  return client;
}

const at = (mount: string, path = "app/db") => ({ namespace: "", mount, path });
const denied = { code: "source-denied" };

test("the detector looks at each secret of its mounts and sweeps them, and can't read one value", async () => {
  const client = await clientWith("detector", detectorPolicy({ flavour: "openbao", mounts: MOUNTS }));
  for (const mount of MOUNTS) {
    expect((await client.readMetadata(at(mount))).kind).toBe("present");
    const paths: string[] = [];
    for await (const page of client.walkMetadata({ namespace: "", mount }, { limit: 10 })) {
      paths.push(...page.items.map(({ path }) => path));
    }
    expect(paths.toSorted()).toEqual(["app/db", "else"]);
    expect((await client.mountOf({ namespace: "", path: mount })).kind).toBe("mounted");
    await expect(client.readVersion(at(mount), 1)).rejects.toMatchObject(denied);
  }
  expect(await client.mountOf({ namespace: "", path: "no-such-mount" })).toEqual({ kind: "missing" });
  await expect(client.readMetadata(at("other"))).rejects.toMatchObject(denied);
});

test("no call of the KV engine gives the detector a value, nor lets it change anything", async () => {
  const token = await root.tokenFor("detector", detectorPolicy({ flavour: "openbao", mounts: ["secret"] }));
  const detector = root.withToken(token);
  const calls: [string, string, unknown?][] = [
    ["GET", "secret/data/app/db"],
    ["GET", "secret/data/app/db?version=1"],
    ["GET", "secret/subkeys/app/db"],
    ["POST", "secret/data/app/db", { data: { password: "x" } }],
    ["PATCH", "secret/data/app/db", { data: { password: "x" } }],
    ["DELETE", "secret/data/app/db"],
    ["POST", "secret/delete/app/db", { versions: [1] }],
    ["POST", "secret/undelete/app/db", { versions: [1] }],
    ["POST", "secret/destroy/app/db", { versions: [1] }],
    ["POST", "secret/metadata/app/db", { max_versions: 1 }],
    ["DELETE", "secret/metadata/app/db"],
    ["POST", "secret/config", { max_versions: 1 }],
    ["GET", "sys/policies/acl/detector"],
  ];
  for (const [method, path, body] of calls) {
    const { status, body: answer } = await detector.call(method, path, body);
    expect([method, path, status]).toEqual([method, path, 403]);
    expect(JSON.stringify(answer)).not.toContain("a value");
  }
});

test("the sink reads the values below its prefixes, and no others", async () => {
  const policy = sinkPolicy({ flavour: "openbao", mounts: MOUNTS, prefixes: ["app/"] });
  const client = await clientWith("sink", policy);
  for (const mount of MOUNTS) {
    expect((await client.readVersion(at(mount), 1)).kind).toBe("live");
    expect((await client.readMetadata(at(mount))).kind).toBe("present");
    await expect(client.readVersion(at(mount, "else"), 1)).rejects.toMatchObject(denied);
  }
  await expect(client.readVersion(at("other"), 1)).rejects.toMatchObject(denied);
  await expect(client.putSecret(at("secret"), { a: new SecretValue("x") })).rejects.toMatchObject(denied);
});

test("the API makes its own mount and keeps what is its own there, and reads no value that is synced", async () => {
  const client = await clientWith("api", apiPolicy({ flavour: "openbao", mounts: MOUNTS, ownMount: "own" }));
  await client.ensureOwnMount("own");
  await client.putSecret(at("own", "keys"), { a: new SecretValue("x") });
  expect((await client.readSecret(at("own", "keys"))).kind).toBe("live");
  expect((await client.readMetadata(at("secret"))).kind).toBe("present");
  await expect(client.readVersion(at("secret"), 1)).rejects.toMatchObject(denied);
});

test("OpenBao takes each policy for OpenBao, and refuses the one for Vault's event stream", async () => {
  const events = detectorPolicy({ flavour: "vault", events: true, mounts: MOUNTS });
  expect((await root.call("PUT", "sys/policies/acl/events", { policy: events })).status).toBe(400);
  const plain = detectorPolicy({ flavour: "vault", mounts: MOUNTS });
  await root.expect("PUT", "sys/policies/acl/plain", { policy: plain });
});
