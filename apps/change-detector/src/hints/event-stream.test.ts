// The event stream against a websocket server that speaks Vault Enterprise's documented frames and refusals: no server that
// the tests can run has it (reference 1.1).
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Hint } from "@keyferry/contracts";
import { SecretValue, systemClock, systemRandom } from "@keyferry/ports";
import { eventually } from "@keyferry/testkit";
import { afterEach, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { EventStream, type EventTiming } from "./event-stream.ts";

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** A node: takes the stream unless told to answer otherwise. */
class Node {
  readonly requests: IncomingMessage[] = [];
  readonly sockets: WebSocket[] = [];
  /** For each request a status and a Location, while there are any. */
  readonly refusals: { status: number; location?: string }[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<Node> {
    const server = createServer();
    const node = new Node(server);
    const streams = new WebSocketServer({ noServer: true });
    server.on("upgrade", (request, socket, head) => {
      node.requests.push(request);
      const refusal = node.refusals.shift();
      if (refusal !== undefined) {
        const location = refusal.location === undefined ? "" : `Location: ${refusal.location}\r\n`;
        socket.end(`HTTP/1.1 ${refusal.status} Refused\r\n${location}Content-Length: 0\r\n\r\n`);
        return;
      }
      streams.handleUpgrade(request, socket, head, (stream) => node.sockets.push(stream));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closers.push(() => {
      for (const socket of node.sockets) socket.terminate();
      server.close();
    });
    return node;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  tokens(): (string | undefined)[] {
    return this.requests.map(({ headers }) => headers["x-vault-token"]?.toString());
  }
}

interface Options {
  readonly timing?: Partial<EventTiming>;
  readonly namespace?: string;
  readonly namespaces?: readonly string[];
  readonly redirectHosts?: readonly string[];
  readonly token?: (refused?: SecretValue) => Promise<SecretValue>;
}

function follow(node: Node, options: Options = {}) {
  const seen = { hints: [] as Hint[], gaps: [] as string[], states: [] as string[] };
  const stop = new AbortController();
  const { namespace = "", namespaces = [], redirectHosts = [] } = options;
  const stream = new EventStream({
    target: { address: `http://${node.host}`, namespace, namespaces, redirectHosts },
    token: options.token ?? (async () => new SecretValue("token-1")),
    clock: systemClock,
    random: systemRandom,
    hints: { publish: (hint) => seen.hints.push(hint) },
    events: {
      hintGap: ({ why }) => seen.gaps.push(why),
      eventStream: ({ state, why }) => seen.states.push(`${state}: ${why}`),
    },
    timing: { deadMs: 60_000, silentMs: 60_000, lookMs: 10, refusedMs: 10, ...options.timing },
  });
  const running = stream.run(stop.signal);
  closers.push(async () => {
    stop.abort();
    await running;
  });
  return seen;
}

function written(path: string, version: number): string {
  return JSON.stringify({
    id: "1",
    specversion: "1.0",
    type: "*",
    time: "2026-11-24T15:19:49Z",
    data: {
      event: { id: "1", metadata: { current_version: String(version), path: `secret/data/${path}` } },
      event_type: "kv-v2/data-write",
      plugin_info: { mount_path: "secret/", plugin: "kv" },
    },
  });
}

const opened = (node: Node, count: number): Promise<unknown> =>
  eventually(() => node.sockets.length >= count, { what: `stream ${count} to be open` });

test("asks as documented, says that a sweep is needed, and gives a hint for each event", async () => {
  const node = await Node.start();
  const seen = follow(node, { namespace: "ns1", namespaces: ["team-*"] });
  await opened(node, 1);
  const [request] = node.requests;
  expect(request?.url).toBe("/v1/sys/events/subscribe/kv-v2/*?json=true&namespaces=team-*");
  expect(request?.headers).toMatchObject({ "x-vault-token": "token-1", "x-vault-namespace": "ns1" });
  node.sockets[0]?.send(written("app/db", 3));
  node.sockets[0]?.send("garbage");
  node.sockets[0]?.send(written("app/db", 4));
  await eventually(() => seen.hints.length === 4, { what: "all hints" });
  expect(seen.gaps).toEqual(["connected", "unreadable-event"]);
  expect(seen.hints.filter(({ path }) => path !== undefined)).toMatchObject([
    { mount: "secret", path: "app/db", operation: "write", minVersion: 3, channel: "events" },
    { minVersion: 4 },
  ]);
});

test("a standby's redirect is followed to a node that is named, whatever its scheme says", async () => {
  const [standby, active] = [await Node.start(), await Node.start()];
  standby.refusals.push({
    status: 307,
    location: `http://${active.host}/v1/sys/events/subscribe/kv-v2/*?json=true`,
  });
  follow(standby, { redirectHosts: [active.host] });
  await opened(active, 1);
  expect([standby.tokens(), active.tokens()]).toEqual([["token-1"], ["token-1"]]);
});

test("the token does not follow a redirect to a host that nobody named, nor one in a circle for ever", async () => {
  const [node, stranger] = [await Node.start(), await Node.start()];
  node.refusals.push({ status: 307, location: `ws://${stranger.host}/v1/sys/events` });
  const circle = `ws://${node.host}/v1/sys/events/subscribe/kv-v2/*?json=true`;
  for (let hop = 0; hop < 11; hop += 1) node.refusals.push({ status: 307, location: circle });
  const seen = follow(node);
  await opened(node, 1);
  expect(stranger.requests).toEqual([]);
  expect(seen.states.join()).toMatch(/redirectHosts.*more than 10 times/);
});

test("a token that is refused is asked for anew; one that the policy refuses is told, and tried again", async () => {
  const node = await Node.start();
  node.refusals.push({ status: 403 }, { status: 403 });
  let given = 1;
  const seen = follow(node, {
    async token(refused) {
      if (refused !== undefined) given += 1;
      return new SecretValue(`token-${given}`);
    },
  });
  await opened(node, 1);
  expect(node.tokens()).toEqual(["token-1", "token-2", "token-3"]);
  expect(seen.states.join()).toContain("the policy does not let it subscribe");
});

test("a server without an event stream is told as such", async () => {
  const node = await Node.start();
  node.refusals.push({ status: 404 }, { status: 503 });
  const seen = follow(node);
  await opened(node, 1);
  expect(seen.states.slice(0, 2)).toEqual([
    "refused: this server has no event stream: Vault Enterprise 1.16 has",
    "waiting: The event stream is refused with status 503",
  ]);
});

test("a stream that ends is opened again, and what was missed meanwhile is swept for", async () => {
  const node = await Node.start();
  const seen = follow(node);
  await opened(node, 1);
  node.sockets[0]?.close();
  await opened(node, 2);
  await eventually(() => seen.gaps.length === 3, { what: "the third gap" });
  expect(seen.gaps).toEqual(["connected", "closed", "connected"]);
});

test("a connection without a ping is dead, one with pings and no event is suspicious: both are made anew", async () => {
  const dead = await Node.start();
  const seenDead = follow(dead, { timing: { deadMs: 30 } });
  await opened(dead, 2);
  expect(seenDead.gaps).toContain("dead");
  const silent = await Node.start();
  const seenSilent = follow(silent, { timing: { silentMs: 50, deadMs: 5_000 } });
  await opened(silent, 1);
  silent.sockets[0]?.ping();
  await opened(silent, 2);
  expect(seenSilent.gaps).toContain("silent");
});

test("a login that gives another token makes the stream anew with that token", async () => {
  const node = await Node.start();
  let current = "token-1";
  const seen = follow(node, { token: async () => new SecretValue(current) });
  await opened(node, 1);
  current = "token-2";
  await opened(node, 2);
  expect([node.tokens(), seen.gaps.includes("token-changed")]).toEqual([["token-1", "token-2"], true]);
});

test("a stop that comes while the stream is being opened ends it", async () => {
  const node = await Node.start();
  const stop = new AbortController();
  const stream = new EventStream({
    target: { address: `http://${node.host}`, namespace: "", namespaces: [], redirectHosts: [] },
    token: new SecretValue("token-1"),
    clock: systemClock,
    random: systemRandom,
    hints: { publish: () => undefined },
    events: { hintGap: () => undefined, eventStream: () => undefined },
  });
  const running = stream.run(stop.signal);
  await eventually(() => node.requests.length === 1, { what: "the handshake to have begun" });
  stop.abort();
  await running;
  expect(node.sockets.length).toBeLessThanOrEqual(1);
});
