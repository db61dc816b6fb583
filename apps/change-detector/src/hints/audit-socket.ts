// Owns: the receiving end of the source's audit device "socket", over TCP or a unix socket. Does not own: what a line
// means. Invariants: every byte is read at once, whatever the detector does meanwhile; a connection that comes or goes
// is "sweep needed", as the device counts what is in the kernel's buffer as delivered (reference 2.4).
import { unlink } from "node:fs/promises";
import { createServer, connect, type Server, type Socket } from "node:net";
import { KeyferryError } from "@keyferry/errors";
import type { SocketAddress } from "@keyferry/service";
import { AUDIT_LINE_CHARACTERS_MAX } from "@keyferry/vault-client";
import { LineHints, type LineHintsParts } from "./line-hints.ts";
import { LineQueue } from "./line-queue.ts";
import { LineSplitter } from "./line-splitter.ts";

export interface AuditSocketParts extends Omit<LineHintsParts, "channel"> {
  readonly listen: SocketAddress;
  /** The configuration key of `listen`, for messages. */
  readonly key: string;
}

const CONNECTIONS_MAX = 32; // each node of a cluster has one, and a new one while the old is not yet seen to be dead

export interface AuditSocket {
  /** `host:port` or `unix:/path`, as it really is. */
  readonly address: string;
  close(): Promise<void>;
}

/** Listens. Throws `listen-address-taken` or `config-invalid`, naming the key to change. */
export async function openAuditSocket(parts: AuditSocketParts): Promise<AuditSocket> {
  const lines = new LineHints({ ...parts, channel: "audit-socket" });
  const queue = new LineQueue({
    onLine: (line) => lines.take(line),
    onOverflow: () => lines.gap("overflow"),
  });
  const sockets = new Set<Socket>();
  let isClosing = false;
  const server = createServer((socket) => {
    sockets.add(socket);
    const splitter = new LineSplitter(AUDIT_LINE_CHARACTERS_MAX);
    // What was written before this connection went to nobody.
    lines.gap("connected");
    socket.on("data", (chunk: Buffer) => {
      const { lines: whole, dropped } = splitter.push(chunk);
      for (const line of whole) queue.push(line);
      if (dropped > 0) lines.gap("line-too-long");
    });
    socket.on("error", () => socket.destroy()); // what it lost, "close" tells
    socket.on("close", () => {
      sockets.delete(socket);
      if (!isClosing) lines.gap("disconnected");
    });
  });
  server.maxConnections = CONNECTIONS_MAX;
  const address = await listen(server, parts);
  return {
    address,
    async close() {
      isClosing = true;
      queue.close();
      const { promise, resolve } = Promise.withResolvers<undefined>();
      server.close(() => resolve(undefined));
      for (const socket of sockets) socket.destroy();
      await promise;
    },
  };
}

async function listen(server: Server, { listen: at, key }: AuditSocketParts): Promise<string> {
  if (at.kind === "tcp") {
    await listenOnce(server, { host: at.host, port: at.port }, key);
    const bound = server.address();
    return `${at.host}:${typeof bound === "object" && bound !== null ? bound.port : at.port}`;
  }
  // A process that was killed leaves its socket's file behind.
  if (!(await answers(at.path))) await unlink(at.path).catch(() => undefined); // not there: nothing to remove
  await listenOnce(server, { path: at.path }, key);
  return `unix:${at.path}`;
}

function listenOnce(
  server: Server,
  options: { host: string; port: number } | { path: string },
  key: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === "EADDRINUSE";
      const message = isTaken
        ? `${key} names an address that another process listens on. Change it in keyferry.yaml.`
        : `Cannot listen where ${key} says (${error.code ?? "unknown reason"}). Change it in keyferry.yaml.`;
      reject(new KeyferryError(isTaken ? "listen-address-taken" : "config-invalid", message, { key }));
    });
    server.listen(options, resolve);
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
}
