// Owns: the HTTP server of the probes: /healthz (the process answers), /readyz (it can do its work, or what it waits
// for), /metrics. Does not own what is ready (readiness.ts) or counted (metrics.ts).
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { KeyferryError } from "@keyferry/errors";
import { formatListenAddress, type ListenAddress } from "../config/fields.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { ReadinessBoard } from "./readiness.ts";

export interface HealthServerOptions {
  readonly listen: ListenAddress;
  /** The key that says where to listen, for the message when the port is taken. */
  readonly key: string;
  readonly readiness: ReadinessBoard;
  readonly metrics: Metrics;
}

export interface HealthServer {
  /** Where it really listens, also when port 0 was asked for. */
  readonly listen: ListenAddress;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const JSON_TYPE = "application/json; charset=utf-8";
// Probes are small and quick; whoever is slower than this holds a socket for nothing.
const REQUEST_TIMEOUT_MS = 5_000;

/**
 * Starts the probes' server.
 * @throws KeyferryError `listen-address-taken` or `config-invalid`, naming the key to change.
 */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    answer(request, options).then(
      (found) => send(response, request, found),
      () =>
        send(response, request, { status: 500, contentType: JSON_TYPE, body: '{"error":"unexpected"}\n' }),
    );
  });
  const listen = await listenOn(server, options.listen, options.key);
  return { listen, close: () => closeServer(server) };
}

async function answer(request: IncomingMessage, options: HealthServerOptions): Promise<Answer> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return { status: 405, contentType: JSON_TYPE, body: '{"error":"only GET"}\n' };
  }
  switch (/^[^?]*/.exec(request.url ?? "")?.[0] ?? "") {
    case "/healthz":
      return { status: 200, contentType: JSON_TYPE, body: '{"alive":true}\n' };
    case "/readyz": {
      const waitingFor = options.readiness.waiting();
      const ready = waitingFor.length === 0;
      const notes = options.readiness.notes();
      return {
        status: ready ? 200 : 503,
        contentType: JSON_TYPE,
        body: `${JSON.stringify({ ready, waitingFor, ...(notes.length === 0 ? {} : { notes }) })}\n`,
      };
    }
    case "/metrics": {
      const { text, contentType } = await options.metrics.page();
      return { status: 200, contentType, body: text };
    }
    default:
      return {
        status: 404,
        contentType: JSON_TYPE,
        body: '{"error":"only /healthz, /readyz and /metrics"}\n',
      };
  }
}

function send(
  response: ServerResponse,
  request: IncomingMessage,
  { status, contentType, body }: Answer,
): void {
  const headers = {
    "content-type": contentType,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
  };
  response.writeHead(status, headers).end(request.method === "HEAD" ? undefined : body);
}

/**
 * Makes a server listen, and says where it does.
 * @throws KeyferryError that names `key`, the configuration key to change.
 */
export async function listenOn(server: Server, listen: ListenAddress, key: string): Promise<ListenAddress> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const onError = (error: NodeJS.ErrnoException): void => reject(listenError(error, listen, key));
  server.once("error", onError);
  server.listen({ host: listen.host, port: listen.port }, () => resolve(undefined));
  await promise;
  server.off("error", onError);
  const address = server.address();
  return typeof address === "object" && address !== null ? { host: listen.host, port: address.port } : listen;
}

function listenError({ code }: NodeJS.ErrnoException, listen: ListenAddress, key: string): KeyferryError {
  const where = formatListenAddress(listen);
  if (code === "EADDRINUSE") {
    const message = `${where} is taken by another process. Change ${key} in keyferry.yaml; port 0 takes any free port.`;
    return new KeyferryError("listen-address-taken", message, { key, address: where });
  }
  const message = `Cannot listen on ${where} (${code ?? "unknown reason"}). Change ${key} in keyferry.yaml.`;
  return new KeyferryError("config-invalid", message, { key, address: where });
}

async function closeServer(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  server.close(() => resolve(undefined));
  // Scrapers keep connections open between requests.
  server.closeAllConnections();
  await promise;
}
