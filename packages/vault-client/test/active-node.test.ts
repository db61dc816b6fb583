// Proves on a cluster of two OpenBao nodes that a client which asks for the active node's answers gets them from a standby
// too: a standby by itself may be behind, and shows that by nothing (hazard regression-by-stale-read).
import { SecretValue, silentLogger, systemClock } from "@keyferry/ports";
import { eventually, type OpenBaoServer, startOpenBao, VaultApi } from "@keyferry/testkit";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createVaultClient, type VaultClient } from "../src/index.ts";

const AT = { namespace: "", mount: "secret", path: "app" };
const clients: VaultClient[] = [];
let active: OpenBaoServer;
let standby: OpenBaoServer;
let root: VaultApi;

beforeAll(async () => {
  active = await startOpenBao({ persistent: true });
  root = new VaultApi(active.url, active.rootToken);
  await root.putSecret("secret", "app", { n: 1 });
  standby = await startOpenBao({ joins: active });
});

afterAll(async () => {
  await standby.stop();
  await active.stop();
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

function clientAt(server: OpenBaoServer, fromActiveNode: boolean): VaultClient {
  const client = createVaultClient({
    address: server.url,
    token: new SecretValue(server.rootToken),
    fromActiveNode,
    timeoutMs: 2_000,
    clock: systemClock,
    logger: silentLogger,
  });
  clients.push(client);
  return client;
}

const currentAt = async (client: VaultClient): Promise<number> => {
  const read = await client.readMetadata(AT);
  return read.kind === "present" ? read.state.current : 0;
};

test("hazard regression-by-stale-read: while the active node does not answer, a standby shows nothing of its own", async () => {
  const [fromActive, fromAny] = [clientAt(standby, true), clientAt(standby, false)];
  for (const client of [fromActive, fromAny]) {
    await eventually(() => currentAt(client), { what: "the secret at the standby", until: (n) => n > 0 });
  }
  await active.pause();
  await expect(fromActive.readMetadata(AT)).rejects.toMatchObject({ code: "source-unreachable" });
  await active.resume();
  await eventually(() => currentAt(fromActive).catch(() => 0), {
    what: "the active node's answer",
    until: (n) => n > 0,
  });
});

test("a server that knows no indexes is asked as before", async () => {
  await using plain = await startOpenBao();
  await new VaultApi(plain.url, plain.rootToken).putSecret("secret", "app", { n: 1 });
  const client = clientAt(plain, true);
  for (let read = 0; read < 3; read += 1) expect(await currentAt(client)).toBe(1);
});
