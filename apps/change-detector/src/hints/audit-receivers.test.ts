// The receivers against clients that behave as the source's audit devices do, and as they should not.
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Hint } from "@keyferry/contracts";
import { eventually } from "@keyferry/testkit";
import { afterEach, expect, test } from "vitest";
import { openAuditHttp } from "./audit-http.ts";
import { openAuditSocket } from "./audit-socket.ts";

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

interface Seen {
  readonly hints: Hint[];
  readonly gaps: string[];
}

async function socketAt(path?: string): Promise<Seen & { address: string; close: () => Promise<void> }> {
  const seen: Seen = { hints: [], gaps: [] };
  const socket = await openAuditSocket({
    listen: path === undefined ? { kind: "tcp", host: "127.0.0.1", port: 0 } : { kind: "unix", path },
    key: "changeDetector.hints.auditSocket.listen",
    hints: { publish: (hint) => seen.hints.push(hint) },
    events: { hintGap: ({ why }) => seen.gaps.push(why) },
  });
  closers.push(() => socket.close());
  return { ...seen, address: socket.address, close: () => socket.close() };
}

async function httpAt(): Promise<Seen & { url: string }> {
  const seen: Seen = { hints: [], gaps: [] };
  const http = await openAuditHttp({
    listen: { host: "127.0.0.1", port: 0 },
    key: "changeDetector.hints.auditHttp.listen",
    hints: { publish: (hint) => seen.hints.push(hint) },
    events: { hintGap: ({ why }) => seen.gaps.push(why) },
  });
  closers.push(() => http.close());
  return { ...seen, url: `http://${http.address}/audit` };
}

async function connected(address: string): Promise<Socket> {
  const socket = address.startsWith("unix:")
    ? connect({ path: address.slice(5) })
    : connect({ host: "127.0.0.1", port: Number(address.split(":")[1]) });
  closers.push(() => socket.destroy());
  await new Promise((resolve) => socket.once("connect", resolve));
  return socket;
}

const write = (path: string): string =>
  JSON.stringify({
    type: "response",
    request: { operation: "update", path: `secret/data/${path}`, mount_point: "secret/", mount_type: "kv" },
    response: { data: { version: 1 } },
  });

const pathsOf = ({ hints }: Seen): (string | undefined)[] =>
  hints.flatMap(({ path }) => (path === undefined ? [] : [path]));

const folder = async (): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), "keyferry-sock-"));
  closers.unshift(() => rm(dir, { recursive: true }));
  return dir;
};

test("entries that are cut and joined by the connection are whole hints", async () => {
  const seen = await socketAt();
  const socket = await connected(seen.address);
  const text = `${write("a")}\n${write("é")}\n${write("c")}\n`;
  for (const byte of Buffer.from(text)) socket.write(Buffer.from([byte]));
  await eventually(() => pathsOf(seen).length === 3, { what: "three hints" });
  expect(seen.hints.filter(({ path }) => path !== undefined)).toEqual(
    ["a", "é", "c"].map((path) => expect.objectContaining({ path, channel: "audit-socket", minVersion: 1 })),
  );
});

test("a connection that comes, and one that goes, means that a sweep is needed", async () => {
  const seen = await socketAt();
  const socket = await connected(seen.address);
  await eventually(() => seen.gaps.length === 1, { what: "the gap at the start" });
  socket.destroy();
  await eventually(() => seen.gaps.length === 2, { what: "the gap at the end" });
  expect(seen.gaps).toEqual(["connected", "disconnected"]);
  expect(seen.hints.every(({ mount, path }) => mount === "" && path === undefined)).toBe(true);
});

test("a flood is drained, dropped where there is no room, and told", async () => {
  const seen = await socketAt();
  const socket = await connected(seen.address);
  const flood = `${write("x")}\n`.repeat(60_000);
  await new Promise<void>((resolve, reject) => socket.end(flood, resolve).once("error", reject));
  await eventually(() => seen.gaps.includes("disconnected"), { what: "everything to be read" });
  expect(seen.gaps).toContain("overflow");
});

test("a unix socket is taken over from a process that was killed, not from one that lives", async () => {
  const path = join(await folder(), "audit.sock");
  const first = await socketAt(path);
  await expect(socketAt(path)).rejects.toMatchObject({ code: "listen-address-taken" });
  const socket = await connected(first.address);
  socket.write(`${write("by-unix")}\n`);
  await eventually(() => pathsOf(first).includes("by-unix"), { what: "the hint" });
});

test("each POST is answered 204 at once, garbage and excess included, and leads to a hint or a sweep", async () => {
  const seen = await httpAt();
  const post = (body: string) => fetch(seen.url, { method: "POST", body });
  expect((await post(write("a"))).status).toBe(204);
  expect((await post("garbage")).status).toBe(204);
  expect((await post("x".repeat(5 * 1024 * 1024))).status).toBe(204);
  expect((await fetch(seen.url)).status).toBe(405);
  await eventually(() => seen.gaps.length === 2, { what: "both gaps" });
  expect([pathsOf(seen), seen.gaps.toSorted()]).toEqual([["a"], ["line-too-long", "unreadable-line"]]);
});

test("a POST that is broken off means that a sweep is needed", async () => {
  const seen = await httpAt();
  const { port } = new URL(seen.url);
  const socket = await connected(`tcp:${port}`);
  socket.write('POST /audit HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"half');
  await new Promise((resolve) => setImmediate(resolve));
  socket.destroy();
  await eventually(() => seen.gaps.includes("disconnected"), { what: "the gap" });
});
