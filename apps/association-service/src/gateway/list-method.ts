// Owns: the HTTP methods LIST and SCAN, which Vault's clients send and Node's parser refuses (hazard list-verb: 400
// before any handler runs; measured on Node 20.20 and 24.21). No second HTTP parser: Node's own parses everything, and
// only where it stops at a method's name the request line is rewritten to GET with ?list=true, which Vault defines as
// the same, and parsed again from there. Works over keep-alive connections; an unfinished earlier request is ended first.

import type { Server } from "node:http";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";

/** Methods and the query parameter that says the same with GET (reference: LIST = GET ?list=true; OpenBao: SCAN). */
const REWRITTEN = [
  { method: "LIST", query: "list=true" },
  { method: "SCAN", query: "scan=true" },
] as const;
type Rewritten = (typeof REWRITTEN)[number];

// Node refuses longer heads by default (16 KiB); a request line that has not ended by then never will.
const REQUEST_LINE_BYTES_MAX = 16_384;

/** What Node's parser tells about bytes that it could not read. */
interface ParserError extends Error {
  readonly code?: string;
  readonly rawPacket?: Buffer;
  readonly bytesParsed?: number;
}

/** Makes an http.Server understand LIST and SCAN. To be called before the server listens. */
export function acceptListMethod(server: Server): void {
  const listeners = server.listeners("connection");
  server.removeAllListeners("connection");
  const serve = (front: ConnectionFront) => {
    for (const listener of listeners) listener.call(server, front);
  };
  server.on("connection", (socket: Socket) => serve(new ConnectionFront(socket)));
  server.on("request", (request, response) => {
    const front: unknown = request.socket;
    if (!(front instanceof ConnectionFront)) return;
    front.requestBegan();
    response.once("close", () => front.requestEnded());
  });
  server.prependListener("clientError", (error: ParserError, connection: Duplex) => {
    const stop = connection instanceof ConnectionFront ? findMethod(error) : undefined;
    if (stop === undefined || !(connection instanceof ConnectionFront)) {
      refuse(connection, error.code);
      return;
    }
    const rest = connection.takeOver();
    connection.onceIdle(() => {
      connection.destroy();
      serve(new ConnectionFront(connection.socket, { ...stop, bytes: Buffer.concat([stop.bytes, ...rest]) }));
    });
  });
}

interface Resumption {
  readonly rewritten: Rewritten;
  /** From the first byte after the method's name. */
  readonly bytes: Buffer;
}

/** Where the parser stopped, if that was in the name of one of our methods. Exported for its test. */
export function findMethod(error: ParserError): Resumption | undefined {
  const { code, rawPacket, bytesParsed } = error;
  if (code !== "HPE_INVALID_METHOD" || rawPacket === undefined || bytesParsed === undefined) return undefined;
  for (const rewritten of REWRITTEN) {
    // The name may have begun in an earlier packet: then only its tail is here, at the packet's start.
    for (let inName = 0; inName < rewritten.method.length; inName += 1) {
      const start = bytesParsed - inName;
      const name = `${rewritten.method.slice(Math.max(0, -start))} `;
      const from = Math.max(0, start);
      if (rawPacket.toString("latin1", from, from + name.length) === name) {
        return { rewritten, bytes: rawPacket.subarray(from + name.length - 1) };
      }
    }
  }
  return undefined;
}

/** The rewritten head's beginning, or undefined while the request line has not come whole. Exported for its test. */
export function rewriteRequestLine(rewritten: Rewritten, afterName: Buffer): Buffer | "wait" | "too-long" {
  const line = /^ ([^ \r\n]+) HTTP\/1\.[01]\r?\n/.exec(
    afterName.toString("latin1", 0, REQUEST_LINE_BYTES_MAX),
  );
  const target = line?.[1];
  if (target === undefined) return afterName.length < REQUEST_LINE_BYTES_MAX ? "wait" : "too-long";
  const joint = target.includes("?") ? "&" : "?";
  const head = Buffer.from(`GET ${target}${joint}${rewritten.query}`, "latin1");
  return Buffer.concat([head, afterName.subarray(1 + target.length)]);
}

// As Node answers by itself where nobody listens for these errors.
const STATUS_LINES: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};

function refuse(connection: Duplex, code = ""): void {
  if (connection.writable) {
    const status = STATUS_LINES[code] ?? "400 Bad Request";
    connection.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  }
  connection.destroy();
}

/** A socket as Node's HTTP server sees it. It can be taken away from one parser and given to the next. */
class ConnectionFront extends Duplex {
  readonly socket: Socket;
  #resumption: Resumption | undefined;
  #taken = false;
  #inFlight = 0;
  #idle: (() => void) | undefined;
  readonly #onData = (chunk: Buffer) => this.#receive(chunk);
  readonly #onEnd = () => this.push(null);
  readonly #onError = (error: Error) => this.destroy(error);
  readonly #onClose = () => this.destroy();
  readonly #onTimeout = () => this.emit("timeout");

  constructor(socket: Socket, resumption?: Resumption) {
    super({ allowHalfOpen: true });
    this.socket = socket;
    this.#resumption = resumption;
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("error", this.#onError);
    socket.on("close", this.#onClose);
    socket.on("timeout", this.#onTimeout);
    if (resumption !== undefined) {
      // After the constructor, when the server has taken this connection.
      process.nextTick(() => this.#receive(Buffer.alloc(0)));
    }
  }

  get remoteAddress(): string | undefined {
    return this.socket.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.socket.remotePort;
  }

  get localAddress(): string | undefined {
    return this.socket.localAddress;
  }

  get localPort(): number | undefined {
    return this.socket.localPort;
  }

  setTimeout(ms: number, listener?: () => void): this {
    this.socket.setTimeout(ms);
    if (listener !== undefined) this.once("timeout", listener);
    return this;
  }

  setNoDelay(enable?: boolean): this {
    this.socket.setNoDelay(enable);
    return this;
  }

  setKeepAlive(enable?: boolean, initialDelayMs?: number): this {
    this.socket.setKeepAlive(enable, initialDelayMs);
    return this;
  }

  requestBegan(): void {
    this.#inFlight += 1;
  }

  requestEnded(): void {
    this.#inFlight -= 1;
    if (this.#inFlight === 0) this.#idle?.();
  }

  /** Takes the socket away from this front's parser; returns what had been read and not parsed. */
  takeOver(): Buffer[] {
    this.#taken = true;
    const { socket } = this;
    socket.pause();
    socket.off("data", this.#onData).off("end", this.#onEnd).off("close", this.#onClose);
    socket.off("timeout", this.#onTimeout);
    this.removeAllListeners("data");
    const rest: Buffer[] = [];
    for (let chunk: unknown = this.read(); Buffer.isBuffer(chunk); chunk = this.read()) rest.push(chunk);
    return rest;
  }

  /** Calls back when no response is being written. */
  onceIdle(then: () => void): void {
    if (this.#inFlight === 0) then();
    else this.#idle = then;
  }

  override _read(): void {
    if (!this.#taken) this.socket.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.socket.write(chunk, encoding, done);
  }

  override _writev(
    chunks: readonly { chunk: Buffer | string; encoding: BufferEncoding }[],
    done: (error?: Error | null) => void,
  ): void {
    this.socket.cork();
    for (const [index, { chunk, encoding }] of chunks.entries()) {
      if (index < chunks.length - 1) this.socket.write(chunk, encoding);
      else this.socket.write(chunk, encoding, done);
    }
    this.socket.uncork();
  }

  override _final(done: (error?: Error | null) => void): void {
    if (!this.#taken) this.socket.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.socket.off("error", this.#onError);
    if (!this.#taken) {
      // What still comes of the raw socket has nobody to go to.
      this.socket.on("error", () => undefined);
      this.socket.destroy();
    }
    done(error);
  }

  #receive(chunk: Buffer): void {
    let bytes = chunk;
    const resumption = this.#resumption;
    if (resumption !== undefined) {
      const collected = Buffer.concat([resumption.bytes, chunk]);
      const head = rewriteRequestLine(resumption.rewritten, collected);
      if (head === "wait") {
        this.#resumption = { ...resumption, bytes: collected };
        return;
      }
      if (head === "too-long") {
        refuse(this);
        return;
      }
      this.#resumption = undefined;
      bytes = head;
    }
    if (bytes.length > 0 && !this.push(bytes)) this.socket.pause();
  }
}
