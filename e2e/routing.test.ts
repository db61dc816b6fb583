// The recipe of deploy/routing for nginx, run by a real nginx: first in front of two servers that tell what reached
// them, then in front of OpenBao and Keyferry, as in production (there the association-service's gateway is off).
import { DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_TENANT_ID } from "@keyferry/key-vault-emulator";
import {
  eventually,
  type NginxServer,
  type Stack,
  STACK_MOUNT,
  startNginx,
  startStack,
  VaultApi,
} from "@keyferry/testkit";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBaoShell } from "./support/bao.ts";
import { type Echo, type EchoServer, startEchoServer } from "./support/echo-server.ts";
import { liveSecrets } from "./support/emulated-vault.ts";
import { KeepAlive, type RawCall } from "./support/keep-alive.ts";
import { nginxRecipe } from "./support/routing-recipe.ts";
import { runFolder } from "./support/run-folder.ts";

describe("in front of two servers that tell what reached them", () => {
  let vault: EchoServer;
  let keyferry: EchoServer;
  let nginx: NginxServer;
  let client: KeepAlive;

  const running = new AsyncDisposableStack();

  beforeAll(async () => {
    vault = running.use(await startEchoServer("vault"));
    keyferry = running.use(await startEchoServer("keyferry"));
    const recipe = await nginxRecipe({ vault: vault.address, keyferry: keyferry.address });
    nginx = running.use(await startNginx({ recipe }));
    client = running.use(new KeepAlive(nginx.port));
  });

  afterAll(async () => {
    await running.disposeAsync();
  });

  const echoOf = async (call: RawCall): Promise<Echo> => {
    const answer = await client.call(call);
    expect(answer.status).toBe(200);
    return JSON.parse(answer.text) as Echo;
  };

  test.for([
    ["/v1/sys/sync/destinations/azure-kv/one", "keyferry"],
    ["/v1/sys/sync/associations?list=true", "keyferry"],
    ["/v1/sys/sync/config", "keyferry"],
    ["/v1/sys/sync/openapi.json", "keyferry"],
    ["/v1/sys/sync", "keyferry"],
    ["/v1/sys/activation-flags", "keyferry"],
    ["/v1/sys/activation-flags/secrets-sync/activate", "keyferry"],
    ["/v1/sys/synchronous", "vault"],
    ["/v1/sys/activation-flags-of-others", "vault"],
    ["/v1/sys/mounts", "vault"],
    ["/v1/sys/health?standbyok=true", "vault"],
    ["/v1/my-kv/data/sys/sync/destinations", "vault"],
    ["/v1/my-kv/data/x?path=/v1/sys/sync/", "vault"],
    ["/ui/vault/auth", "vault"],
    ["/", "vault"],
  ] as const)("%s goes to %s, byte for byte", async ([path, server]) => {
    expect(await echoOf({ method: "GET", path })).toMatchObject({ server, method: "GET", url: path });
  });

  test.for(["GET", "PUT", "POST", "PATCH", "DELETE"])("%s arrives as it is on both sides", async (method) => {
    const path = "/v1/sys/sync/destinations/azure-kv/one?purge=true";
    expect(await echoOf({ method, path })).toMatchObject({ server: "keyferry", method, url: path });
    const other = "/v1/my-kv/data/one?version=1";
    expect(await echoOf({ method, path: other })).toMatchObject({ server: "vault", method, url: other });
  });

  test.for([
    ["/v1/sys/sync/destinations", "/v1/sys/sync/destinations?list=true"],
    ["/v1/sys/sync/destinations/", "/v1/sys/sync/destinations/?list=true"],
    ["/v1/sys/sync/associations?a=b", "/v1/sys/sync/associations?a=b&list=true"],
    ["/v1/sys/sync/associations?", "/v1/sys/sync/associations?&list=true"],
    ["/v1/sys/sync/destinations/a%2Fb", "/v1/sys/sync/destinations/a%2Fb?list=true"],
  ] as const)("LIST %s becomes GET %s for Keyferry", async ([path, url]) => {
    expect(await echoOf({ method: "LIST", path })).toMatchObject({ server: "keyferry", method: "GET", url });
  });

  test.for([
    "/v1/sys/sync/associations/destinations?mount=a%2Fb&secret_name=c%20d%2Fe",
    "/v1/sys/sync/associations/a%2Fb/c%252F",
    "/v1/sys/%73ync/destinations",
    "/v1/sys/sync/./destinations",
    "/v1/my-kv/../sys/sync/destinations",
    "/v1//sys/sync/destinations",
  ])("what is authorised is what was sent: %s reaches Keyferry undecoded", async (path) => {
    expect(await echoOf({ method: "GET", path })).toMatchObject({ server: "keyferry", url: path });
  });

  test.for(["/v1/sys/sync/destinations/azure-kv/one", "/v1/my-kv/data/one"])(
    "the headers of %s are kept, and what nginx must say of the client is added",
    async (path) => {
      const sent = {
        "x-vault-token": `hvb.${"t".repeat(12_000)}`,
        "x-vault-namespace": "team/app",
        "x-vault-request": "true",
        "x-vault-wrap-ttl": "60s",
        "content-type": "application/merge-patch+json",
        "x-forwarded-for": "203.0.113.7",
      };
      const { headers } = await echoOf({ method: "PATCH", path, headers: sent, body: "{}" });
      expect(headers).toMatchObject({
        ...sent,
        "x-forwarded-for": "203.0.113.7, 127.0.0.1",
        "x-forwarded-proto": "http",
        host: `127.0.0.1:${nginx.port}`,
        "content-length": "2",
      });
    },
  );

  test("status, headers and a redirect of what answers are kept, and no redirect is followed", async () => {
    vault.answerNext((_request, response) => {
      response.writeHead(307, {
        location: "https://active.internal:8200/v1/my-kv/data/one",
        "x-vault-index": "v1",
      });
      response.end('{"errors":["elsewhere"]}');
    });
    const answer = await client.call({ method: "PUT", path: "/v1/my-kv/data/one", body: "{}" });
    expect(answer.status).toBe(307);
    expect(answer.headers).toMatchObject({
      location: "https://active.internal:8200/v1/my-kv/data/one",
      "x-vault-index": "v1",
    });
    expect(answer.text).toBe('{"errors":["elsewhere"]}');
  });

  test("a body of many megabytes passes to Vault, and one beyond Keyferry's limit is refused on the way to it", async () => {
    const body = Buffer.alloc(9_000_000, "x");
    const passed = await echoOf({ method: "POST", path: "/v1/sys/storage/raft/snapshot", body });
    expect(passed).toMatchObject({ server: "vault", bodyBytes: body.length });
    const path = "/v1/sys/sync/destinations/azure-kv/one";
    // A connection of its own: nginx closes it without reading the rest.
    using other = new KeepAlive(nginx.port);
    const tooLong = await other.call({
      method: "PUT",
      path,
      headers: { "content-length": "9000000" },
      body: "x",
    });
    expect(tooLong.status).toBe(413);
  });

  test("a body streams to Vault: its first part is there before the last one is sent", async () => {
    const arrived = new Promise<string>((resolve) => {
      vault.answerNext((request, response) => {
        request.once("data", (chunk: Buffer) => resolve(chunk.toString("utf8")));
        request.once("end", () => response.end("whole"));
      });
    });
    const call = httpRequest({
      host: "127.0.0.1",
      port: nginx.port,
      method: "POST",
      path: "/v1/sys/storage/raft/snapshot",
      headers: { "content-length": "10" },
    });
    call.write("first");
    expect(await arrived).toBe("first");
    call.end("after");
    const [answer] = (await once(call, "response")) as [IncomingMessage];
    answer.resume();
    await once(answer, "end");
  });

  test("an answer streams from Vault: its first part is there before the last one is made", async () => {
    let finish = (): void => undefined;
    vault.answerNext((_request, response) => {
      response.write("first");
      finish = () => response.end("after");
    });
    const call = httpRequest({ host: "127.0.0.1", port: nginx.port, path: "/v1/sys/monitor" });
    call.end();
    const [answer] = (await once(call, "response")) as [IncomingMessage];
    let text = "";
    for await (const chunk of answer) {
      text += String(chunk);
      if (text === "first") finish();
    }
    expect(text).toBe("firstafter");
  });

  test("nothing of a long body lands in a file of nginx, whether it goes in or out, also to a slow reader", async () => {
    const path = "/v1/sys/sync/destinations/azure-kv/one";
    await echoOf({ method: "PUT", path, body: Buffer.alloc(500_000, "x") });
    await echoOf({ method: "PUT", path: "/v1/my-kv/data/one", body: Buffer.alloc(5_000_000, "x") });
    const answer = Buffer.alloc(1_000_000, "x");
    for (const server of [vault, keyferry]) {
      const isStuck = new Promise<void>((resolve) => {
        server.answerNext((_request, response) => void writeAll(response, answer, 40, resolve));
      });
      const call = httpRequest({
        host: "127.0.0.1",
        port: nginx.port,
        path: server === vault ? "/v1/x" : path,
      });
      call.end();
      const [slow] = (await once(call, "response")) as [IncomingMessage];
      await isStuck;
      let bytes = 0;
      for await (const chunk of slow) bytes += (chunk as Buffer).length;
      expect(bytes).toBe(40 * answer.length);
    }
    // It says so itself when it does: "… is buffered to a temporary file".
    expect(await readFile(nginx.logFile, "utf8")).not.toContain("temporary file");
  });
});

/** Writes a chunk so many times, waiting where the reader is slow; tells of the first wait. */
async function writeAll(
  response: ServerResponse,
  chunk: Buffer,
  times: number,
  onWait: () => void,
): Promise<void> {
  for (let left = times; left > 0; left -= 1) {
    if (response.write(chunk)) continue;
    onWait();
    await once(response, "drain");
  }
  response.end();
}

describe("in front of OpenBao and Keyferry", () => {
  let folder: Awaited<ReturnType<typeof runFolder>>;
  let stack: Stack;
  let nginx: NginxServer;
  const running = new AsyncDisposableStack();

  beforeAll(async () => {
    folder = running.use(await runFolder());
    stack = running.use(await startStack({ dir: folder.path }));
    const recipe = await nginxRecipe({
      vault: new URL(stack.openbao.url).host,
      keyferry: new URL(stack.vault.address).host,
    });
    nginx = running.use(await startNginx({ recipe }));
  });

  afterAll(async () => {
    await running.disposeAsync();
  });

  const shell = () =>
    openBaoShell(folder.path, { address: nginx.url, token: stack.openbao.rootToken, format: "json" });
  const tokenHeader = () => ({ "x-vault-token": stack.openbao.rootToken });

  test("the bao command writes, syncs, lists and deletes through it", async () => {
    const bao = await shell();
    await bao.run(
      `bao write sys/sync/destinations/azure-kv/routed key_vault_uri=https://routed.vault.azure.net ` +
        `tenant_id=${DEFAULT_TENANT_ID} client_id=${DEFAULT_CLIENT_ID} client_secret=${DEFAULT_CLIENT_SECRET} ` +
        `secret_name_template='{{ .SecretPath }}'`,
    );
    await bao.run(`bao kv put -mount=${STACK_MOUNT} routed foo=bar`);
    await bao.run(
      `bao write sys/sync/destinations/azure-kv/routed/associations/set mount=${STACK_MOUNT} secret_name=routed`,
    );
    await eventually(async () => (await liveSecrets(stack, "routed")).get("routed")?.value, {
      what: "the secret in Key Vault",
      until: (value) => value === '{"foo":"bar"}',
    });
    expect(await bao.json("bao list sys/sync/destinations/azure-kv")).toEqual(["routed"]);
    expect(await bao.json(`bao kv list -mount=${STACK_MOUNT}`)).toEqual(["routed"]);
    expect(await bao.json(`bao kv get -mount=${STACK_MOUNT} routed`)).toMatchObject({
      data: { data: { foo: "bar" } },
    });
  });

  test("LIST, sent as such, is answered by both over one connection, between other requests", async () => {
    using client = new KeepAlive(nginx.port);
    const ports = new Set<number | undefined>();
    const data = async (method: string, path: string): Promise<unknown> => {
      const answer = await client.call({ method, path, headers: tokenHeader() });
      expect(answer.status).toBe(200);
      ports.add(answer.localPort);
      return (JSON.parse(answer.text) as { data: unknown }).data;
    };
    for (let round = 0; round < 3; round += 1) {
      expect(await data("LIST", "/v1/sys/sync/destinations")).toMatchObject({ keys: ["azure-kv/"] });
      expect(await data("LIST", `/v1/${STACK_MOUNT}/metadata`)).toEqual({ keys: ["routed"] });
      expect(await data("GET", "/v1/sys/sync/destinations/azure-kv/routed")).toMatchObject({
        name: "routed",
      });
      expect(await data("LIST", "/v1/sys/sync/associations/")).toMatchObject({ total_associations: 1 });
    }
    expect(ports.size).toBe(1);
  });

  test("what only one of the two knows shows who answered", async () => {
    using client = new KeepAlive(nginx.port);
    const flags = await client.call({ method: "GET", path: "/v1/sys/activation-flags" });
    expect((JSON.parse(flags.text) as { data: unknown }).data).toEqual({
      activated: ["secrets-sync"],
      unactivated: [],
    });
    const direct = await fetch(`${stack.openbao.url}/v1/sys/health`);
    const routed = await client.call({ method: "GET", path: "/v1/sys/health" });
    const { cluster_id: expected } = (await direct.json()) as { cluster_id: string };
    expect((JSON.parse(routed.text) as { cluster_id: string }).cluster_id).toBe(expected);
  });

  test("with Keyferry down, Vault's own requests go on; with it back, its requests do too", async () => {
    using client = new KeepAlive(nginx.port);
    const status = async (path: string): Promise<number> =>
      (await client.call({ method: "GET", path, headers: tokenHeader() })).status;
    await stack.services["association-service"].kill();
    expect(await status("/v1/sys/sync/destinations/azure-kv/routed")).toBe(502);
    expect(await status(`/v1/${STACK_MOUNT}/data/routed`)).toBe(200);
    await stack.services["association-service"].restart();
    await eventually(() => status("/v1/sys/sync/destinations/azure-kv/routed"), {
      what: "Keyferry behind nginx again",
      until: (code) => code === 200,
    });
  });

  test("with Vault down, Keyferry says so: it can't ask for the caller's rights", async () => {
    await stack.openbao.kill();
    const api = new VaultApi(nginx.url, stack.openbao.rootToken);
    const set = { mount: STACK_MOUNT, secret_name: "routed" };
    const sync = await api.call("PUT", "sys/sync/destinations/azure-kv/routed/associations/set", set);
    expect(sync.status).toBe(503);
    expect((await api.call("GET", `${STACK_MOUNT}/data/routed`)).status).toBe(502);
  });
});
