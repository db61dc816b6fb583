// Proves that whatever stands between the detector and the source (a proxy's pages, cut and slow answers, a seal, a
// snapshot that was restored) is never read as a deletion, and that the detector catches up by itself.
import { readFile, writeFile } from "node:fs/promises";
import {
  createServer,
  request as forward,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { eventually } from "@keyferry/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { currentIs, startWorld, type World } from "./world.ts";

type Mode =
  | "pass"
  | "html-200"
  | "html-404"
  | "html-502"
  | "cut"
  | "empty"
  | "slow"
  | "wrong-json"
  | "denied";

let world: World;
let proxy: Proxy;

/** Stands before the source and spoils the answers about secrets; mounts and health pass. */
class Proxy {
  spoiled = 0;
  #mode: Mode = "pass";
  readonly #unanswered = new Set<ServerResponse>();
  readonly #server: Server;
  target = "";

  constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  /** What is not answered in one mode is broken off with the next. */
  set mode(mode: Mode) {
    this.#mode = mode;
    for (const response of this.#unanswered) response.destroy();
    this.#unanswered.clear();
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (this.#mode !== "pass" && /metadata\//.test(request.url ?? "")) {
      this.spoiled += 1;
      return this.#spoil(response);
    }
    const { method, url, headers } = request;
    const upstream = forward(`${this.target}${url ?? ""}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    upstream.on("error", () => response.destroy());
    request.pipe(upstream);
  }

  #spoil(response: ServerResponse): void {
    const html = "<html><body>Please sign in</body></html>";
    switch (this.#mode) {
      case "html-200":
        return void response.writeHead(200, { "content-type": "text/html" }).end(html);
      case "html-404":
        return void response.writeHead(404).end(html);
      case "html-502":
        return void response.writeHead(502).end(html);
      case "cut":
        response.writeHead(200, { "content-length": "5000" }).write('{"data":{"keys":["app"],');
        return void setImmediate(() => response.destroy());
      case "empty":
        return void response.writeHead(404).end();
      case "wrong-json":
        return void response.writeHead(200).end('{"data":{"keys":[1,2],"key_info":[]}}');
      case "denied":
        return void response.writeHead(403).end('{"errors":["permission denied"]}');
      case "slow":
      case "pass":
        this.#unanswered.add(response); // the client's own limit ends it, or the next mode
        return;
      default:
        return this.#mode satisfies never;
    }
  }
}

beforeAll(async () => {
  proxy = new Proxy();
  const address = await proxy.listen();
  world = await startWorld({
    hints: "audit-file",
    sweepIntervalS: 1,
    persistentSource: true,
    through: (source) => {
      proxy.target = source;
      return address;
    },
  });
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
  proxy.close();
});

const MODES = ["html-200", "html-404", "html-502", "cut", "empty", "wrong-json", "denied", "slow"] as const;

test.for(MODES)("answers that are %s delete nothing, and are caught up with", async (mode) => {
  const path = `app-${mode}`;
  await world.write(path);
  await world.associate(path);
  await world.last(path, currentIs(1));
  const before = proxy.spoiled;
  proxy.mode = mode;
  await world.write(path);
  await eventually(() => proxy.spoiled >= before + 3, { what: "spoiled answers", timeoutMs: 60_000 });
  expect(world.eventsOf(path)).toHaveLength(1);
  proxy.mode = "pass";
  await world.last(path, currentIs(2));
  expect(world.events.filter(({ event }) => event.state.kind === "gone")).toEqual([]);
});

test("hazard source-snapshot-restore: after a restore the lower version is believed by its second read", async () => {
  for (let n = 0; n < 3; n += 1) await world.write("restored");
  await world.associate("restored");
  await world.last("restored", currentIs(3));
  const snapshot = join(world.bao.dir, "snapshot");
  const headers = { "x-vault-token": world.bao.rootToken };
  const taken = await fetch(`${world.bao.url}/v1/sys/storage/raft/snapshot`, { headers });
  await writeFile(snapshot, Buffer.from(await taken.arrayBuffer()));
  for (let n = 0; n < 2; n += 1) await world.write("restored");
  await world.last("restored", currentIs(5));
  const body = await readFile(snapshot);
  const restored = await fetch(`${world.bao.url}/v1/sys/storage/raft/snapshot-force`, {
    method: "POST",
    headers,
    body,
  });
  expect(restored.status).toBe(204);
  const lower = await world.last("restored", currentIs(3));
  expect(lower.changes).toContainEqual({ kind: "regressed", from: 5, to: 3 });
  await eventually(() => world.write("restored").then(() => true), { what: "a write after the restore" });
  const again = await world.last("restored", currentIs(4));
  expect(again.changes).toEqual([{ kind: "version-created", version: 4 }]);
});
