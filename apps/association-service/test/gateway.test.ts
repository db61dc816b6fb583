// The gateway for development in front of a real OpenBao, and the methods that Node's parser refuses.
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import type { Hint } from "@keyferry/contracts";
import { eventually } from "@keyferry/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startWorld, type World } from "./support/world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld({ gateway: true });
});
afterAll(() => world[Symbol.asyncDispose]());

/** Sends bytes in the given pieces over one connection; resolves with everything that came until `until` is met. */
function exchange(pieces: readonly string[], until: (text: string) => boolean): Promise<string> {
  const { hostname, port } = new URL(world.service.api);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      socket.setNoDelay(true);
      void (async () => {
        for (const piece of pieces) {
          await new Promise<void>((done) => socket.write(piece, () => setImmediate(done)));
        }
      })();
    });
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (until(text)) {
        socket.destroy();
        resolve(text);
      }
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(text));
  });
}

const head = (method: string, path: string, token = world.bao.rootToken) =>
  `${method} ${path} HTTP/1.1\r\nHost: x\r\nX-Vault-Token: ${token}\r\n\r\n`;
const answers = (count: number) => (text: string) =>
  text.split("HTTP/1.1 ").length > count && text.trimEnd().endsWith("}");
const statuses = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status);

describe("list-verb", () => {
  beforeAll(() => world.createDestination("listed"));

  test("LIST is answered as GET with list=true", async () => {
    const text = await exchange([head("LIST", "/v1/sys/sync/destinations")], answers(1));
    expect(statuses(text)).toEqual(["200"]);
    expect(text).toContain('"keys":["azure-kv/"]');
  });

  test("LIST works over one kept connection, before, between and after other methods", async () => {
    const requests = [
      head("LIST", "/v1/sys/sync/destinations/"),
      head("GET", "/v1/sys/sync/destinations/azure-kv/listed"),
      head("LIST", "/v1/sys/sync/destinations/azure-kv"),
      head("LIST", "/v1/sys/sync/destinations?x=1"),
      head("GET", "/v1/sys/activation-flags"),
    ];
    let text = "";
    const { hostname, port } = new URL(world.service.api);
    const socket = connect(Number(port), hostname);
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
    });
    for (const [index, request] of requests.entries()) {
      socket.write(request);
      await eventually(() => answers(index + 1)(text), { what: `answer ${index + 1}` });
    }
    socket.destroy();
    expect(statuses(text)).toEqual(["200", "200", "200", "200", "200"]);
  });

  test("LIST after a pipelined request waits for that one's answer", async () => {
    const both =
      head("GET", "/v1/sys/sync/destinations/azure-kv/listed") + head("LIST", "/v1/sys/sync/destinations");
    const text = await exchange([both], answers(2));
    expect(statuses(text)).toEqual(["200", "200"]);
    expect(text.indexOf('"name":"listed"')).toBeLessThan(text.indexOf('"total_destinations"'));
  });

  test("LIST that comes in pieces, cut in the method's name and in the path, is put together", async () => {
    const request = head("LIST", "/v1/sys/sync/destinations");
    for (const cut of [1, 2, 3, 4, 5, 12, 30]) {
      const text = await exchange([request.slice(0, cut), request.slice(cut)], answers(1));
      expect(statuses(text)).toEqual(["200"]);
    }
  });

  test("LIST passes the gateway to a KVv2 mount", async () => {
    await world.write("folder/a");
    const text = await exchange([head("LIST", "/v1/secret/metadata/folder")], answers(1));
    expect(statuses(text)).toEqual(["200"]);
    expect(text).toContain('"keys":["a"]');
  });

  test("a method that nobody has is 400, and the server goes on", async () => {
    const text = await exchange([head("LISP", "/v1/x")], () => false);
    expect(statuses(text)).toEqual(["400"]);
    expect((await world.call("GET", "sys/activation-flags")).status).toBe(200);
  });

  test("an endless request line is refused", async () => {
    // The connection is closed with bytes unread, so that the answer itself may be lost on the way.
    const text = await exchange([`LIST /v1/${"x".repeat(70_000)}`], () => false).catch(() => "");
    expect(statuses(text).filter((status) => status !== "400")).toEqual([]);
    expect((await world.call("GET", "sys/activation-flags")).status).toBe(200);
  });
});

describe("gateway-in-the-path", () => {
  test("gateway-in-the-path: unless it is asked for, nothing that is not ours passes, and the source is not called", async () => {
    await using plain = await startWorld({ servers: { bao: world.bao, nats: world.nats } });
    await world.write("not-passed");
    const audited = async () => (await readFile(world.bao.auditFile, "utf8")).split("secret/data/").length;
    const before = await audited();
    for (const [method, body] of [
      ["GET", undefined],
      ["PUT", { data: { a: "1" } }],
      ["DELETE", undefined],
    ] as const) {
      const answer = await plain.call(method, "secret/data/not-passed", body);
      expect(answer.status).toBe(404);
    }
    expect(await audited()).toBe(before);
  });
});

describe("pass-through", () => {
  test("a secret is written, read, patched and deleted through it", async () => {
    expect((await world.call("PUT", "secret/data/through", { data: { a: "1" } })).status).toBe(200);
    const headers = { "content-type": "application/merge-patch+json" };
    expect((await world.call("PATCH", "secret/data/through", { data: { b: "2" } }, { headers })).status).toBe(
      200,
    );
    const read = await world.call("GET", "secret/data/through");
    expect(read.data["data"]).toEqual({ a: "1", b: "2" });
    expect((await world.call("DELETE", "secret/data/through")).status).toBe(204);
    expect((await world.call("GET", "secret/data/through")).status).toBe(404);
  });

  test("errors of the source pass as they are", async () => {
    const direct = await fetch(`${world.bao.url}/v1/secret/data/nothing`, {
      headers: { "x-vault-token": "wrong" },
    });
    const through = await world.call("GET", "secret/data/nothing", undefined, { token: "wrong" });
    expect([through.status, through.text]).toEqual([direct.status, await direct.text()]);
  });

  test("a path with encoded characters reaches the source as it was sent", async () => {
    expect((await world.call("PUT", "secret/data/a%20b/c%3Fd", { data: { a: "1" } })).status).toBe(200);
    const listed = await world.vault("GET", "secret/metadata/a%20b?list=true");
    expect(listed.data["keys"]).toEqual(["c?d"]);
  });

  test("a long body streams through", async () => {
    const value = "x".repeat(900_000);
    expect((await world.call("PUT", "secret/data/long", { data: { value } })).status).toBe(200);
    const read = await world.call("GET", "secret/data/long");
    expect((read.data["data"] as { value: string }).value).toHaveLength(900_000);
  });

  test("hop-by-hop headers don't pass, in either direction", async () => {
    const text = await exchange(
      [
        `GET /v1/sys/health HTTP/1.1\r\nHost: x\r\nConnection: X-Secret-Hop\r\nX-Secret-Hop: 1\r\nTE: trailers\r\nProxy-Authorization: x\r\n\r\n`,
      ],
      answers(1),
    );
    expect(statuses(text)).toEqual(["200"]);
    expect(text.toLowerCase()).not.toContain("x-secret-hop");
  });

  test.each([
    ["//sys/sync/destinations?list=true", "/v1/sys/sync/destinations?list=true"],
    ["/sys/sync//destinations", "/v1/sys/sync/destinations"],
    ["/sys//sync/destinations/azure-kv/a%2Fb", "/v1/sys/sync/destinations/azure-kv/a%2Fb"],
    ["/secret//data/x", "/v1/secret/data/x"],
  ])("double slashes: /v1%s is sent to the clean path, as the source does itself", async (path, location) => {
    for (const origin of [world.service.api, world.bao.url]) {
      const headers = { "x-vault-token": world.bao.rootToken };
      const answer = await fetch(`${origin}/v1${path}`, { headers, redirect: "manual" });
      expect([answer.status, answer.headers.get("location")]).toEqual([307, location]);
    }
  });

  test("sys/sync is ours and never passes", async () => {
    const answer = await world.call("GET", "sys/sync/reports");
    expect([answer.status, answer.errors]).toEqual([404, ["1 error occurred:\n\t* unsupported path\n\n"]]);
  });

  test("each write that passes is a hint with mount and path only; a read and a refused write are none", async () => {
    const hints: Hint[] = [];
    const subscription = world.bus.hints.subscribe(
      "main",
      (hint) => hints.push(hint),
      () => undefined,
    );
    await world.newMount("team/kv");
    await world.call("GET", "secret/data/through");
    await world.call("PUT", "secret/data/refused", { data: { a: "1" } }, { token: "wrong" });
    await world.call("PUT", "team/kv/data/app/db", { data: { password: "canary-in-a-hint" } });
    await world.call("DELETE", "team/kv/data/app/db");
    await world.call("POST", "team/kv/undelete/app/db", { versions: [1] });
    await world.call("DELETE", "team/kv/metadata/app/db");
    await eventually(() => hints.length >= 4, { what: "four hints" });
    subscription.close();
    expect(hints.map(({ mount, path, operation, channel }) => ({ mount, path, operation, channel }))).toEqual(
      (["write", "delete", "undelete", "metadata-delete"] as const).map((operation) => ({
        mount: "team/kv",
        path: "app/db",
        operation,
        channel: "gateway",
      })),
    );
    expect(JSON.stringify(hints)).not.toContain("canary");
  });
});
