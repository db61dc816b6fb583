// Owns: the TLS server: reads requests whole and hands each to the vaults, the authority or the control API.
// Invariant: nothing that a client sends ends the process or makes an answer of 500; if it does, that is a defect of
// ours, and `onDefect` is told.
import { createServer as createHttpServer } from "node:http";
import type { IncomingMessage, Server as HttpServer, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { Server } from "node:https";
import type { AddressInfo } from "node:net";
import { serveControl } from "../control/control-api.ts";
import type { ServerCertificate } from "../tls/certificates.ts";
import { badParameter, refusalJson, requestTooLarge } from "../wire/refusal.ts";
import { serveAuthorityRequest } from "./authority-requests.ts";
import { BODY_BYTES_MAX, readBody, send } from "./exchange.ts";
import { readHost } from "./host.ts";
import { serveVaultRequest } from "./vault-requests.ts";
import type { Parts } from "./parts.ts";

const JSON_HEADERS = ["content-type", "application/json; charset=utf-8"];

/** Longer than clients keep idle connections, so that it is they who close them: no race between request and close. */
const KEEP_ALIVE_MS = 120_000;

/** Makes the server that vaults, authority and control API share. */
export function makeServer(parts: Parts, certificate: ServerCertificate): Server {
  const options = { key: certificate.keyPem, cert: certificate.certPem, minVersion: "TLSv1.2" as const };
  const server = createServer(options, (request, response) => {
    receive(parts, request, response, serveAny);
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  return server;
}

/** Makes the plain-http server of the managed-identity endpoint. */
export function makeManagedIdentityServer(parts: Parts): HttpServer {
  return createHttpServer((request, response) => {
    receive(parts, request, response, (incoming) => {
      const isIdentity = /^\/(metadata\/identity|msi)\//.test(request.url ?? "");
      if (!isIdentity || !serveAuthorityRequest(parts, { ...incoming, origin: "" })) notFound(response);
    });
  });
}

/** Listens; gives the port. */
export function listen(server: Server | HttpServer, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** Closes, cutting what is open. */
export function shut(server: Server | HttpServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

interface Incoming {
  readonly parts: Parts;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: string;
  readonly bodyBytes: number;
}

function receive(
  parts: Parts,
  request: IncomingMessage,
  response: ServerResponse,
  serve: (incoming: Incoming) => void,
): void {
  request.on("error", () => response.destroy());
  readBody(request, (read) => {
    try {
      if (read.kind === "too-large") {
        send(response, {
          status: 413,
          headers: JSON_HEADERS,
          text: refusalJson(requestTooLarge(BODY_BYTES_MAX)),
        });
      } else serve({ parts, request, response, body: read.text, bodyBytes: read.bytes });
    } catch (error) {
      parts.onDefect(error);
      if (!response.headersSent) response.writeHead(500).end();
    }
  });
}

function serveAny(incoming: Incoming): void {
  const { parts, request, response, body, bodyBytes } = incoming;
  const addressed = readHost(request.headers.host, parts.options.vaultSuffix);
  switch (addressed.kind) {
    case "invalid":
      send(response, {
        status: 400,
        headers: JSON_HEADERS,
        text: refusalJson(badParameter("The Host header is not valid.")),
      });
      return;
    case "vault": {
      const { vault: vaultName, idOrigin, linkOrigin } = addressed;
      serveVaultRequest(parts, { request, response, body, bodyBytes, vaultName, idOrigin, linkOrigin });
      return;
    }
    case "other": {
      const reply = serveControl(parts, request.method ?? "", request.url ?? "/", body);
      if (reply !== undefined) {
        send(response, { status: reply.status, headers: JSON_HEADERS, text: JSON.stringify(reply.json) });
      } else if (!serveAuthorityRequest(parts, { request, response, body, origin: addressed.origin }))
        notFound(response);
    }
  }
}

function notFound(response: ServerResponse): void {
  const text = JSON.stringify({ error: "not a vault, and no path of the authority or of /_emulator" });
  send(response, { status: 404, headers: JSON_HEADERS, text });
}
