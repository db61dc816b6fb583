// Owns: one HTTP request read whole, and the ways to answer it. Knows nothing of vaults.
import type { IncomingMessage, ServerResponse } from "node:http";

/** A body of 25 KB escaped as \uXXXX is six times as long; tags and a backup of 500 versions come on top. */
export const BODY_BYTES_MAX = 24 * 1024 * 1024;

export type BodyRead =
  | { readonly kind: "body"; readonly text: string; readonly bytes: number }
  | { readonly kind: "too-large" };

/** Reads a body; stops keeping it beyond the limit. Calls back only where the request arrived whole. */
export function readBody(request: IncomingMessage, onRead: (read: BodyRead) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
    else chunks.length = 0;
  });
  request.on("end", () => {
    if (bytes > BODY_BYTES_MAX) onRead({ kind: "too-large" });
    else onRead({ kind: "body", text: bytes === 0 ? "" : Buffer.concat(chunks).toString("utf8"), bytes });
  });
}

export interface Payload {
  readonly status: number;
  readonly headers: readonly string[];
  /** Undefined: no body (204). */
  readonly text: string | undefined;
}

/** Sends an answer as it is. */
export function send(response: ServerResponse, payload: Payload): void {
  const { text } = payload;
  if (text === undefined) {
    response.writeHead(payload.status, [...payload.headers]).end();
    return;
  }
  const length = String(Buffer.byteLength(text));
  response.writeHead(payload.status, [...payload.headers, "content-length", length]).end(text);
}

/** Sends a complete message whose JSON ends in the middle. */
export function sendTruncated(response: ServerResponse, payload: Payload): void {
  const bytes = Buffer.from(payload.text ?? "");
  const half = bytes.subarray(0, Math.floor(bytes.length / 2)).toString("utf8");
  send(response, { ...payload, text: half });
}

/** Sends half of the body, and the rest after a while. */
export function sendSlowly(response: ServerResponse, payload: Payload, ms: number): void {
  const bytes = Buffer.from(payload.text ?? "");
  const half = Math.floor(bytes.length / 2);
  response.writeHead(payload.status, [...payload.headers, "content-length", String(bytes.length)]);
  response.write(bytes.subarray(0, half));
  const timer = setTimeout(() => response.end(bytes.subarray(half)), ms);
  response.once("close", () => clearTimeout(timer));
}

/** Cuts the connection without an answer. */
export function cut(request: IncomingMessage): void {
  request.socket.destroy();
}
