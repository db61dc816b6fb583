// Owns: the gateway for development: whatever of /v1 isn't ours goes to the source and back, streamed both ways, nothing
// kept, no redirect followed (a token must not follow one). Does not own authorisation: the source does that itself.
// Not for production: it would put us into the path of all of Vault's traffic (hazard gateway-in-the-path).

import { readFileSync } from "node:fs";
import httpProxy from "@fastify/http-proxy";
import type { Hint } from "@keyferry/contracts";
import { parseTraceparent } from "@keyferry/ports";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { ServiceEvents } from "../events.ts";
import { hintFor } from "./kv-write.ts";

export interface PassThroughOptions {
  /** Address of the source, without a slash at its end. */
  readonly address: string;
  readonly caFile?: string;
  readonly defaultNamespace: string;
  /** Called with a hint for each write that changed a KVv2 secret. */
  readonly onHint: (hint: Hint) => void;
  readonly isMount: (path: string) => boolean;
  readonly events: ServiceEvents;
}

const METHODS = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"] as const;
// RFC 9110 7.6.1: they belong to one connection; reply-from drops those that it knows, these are all.
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
// Raft snapshots stream for minutes; between two pieces of a body nothing takes this long.
const SILENCE_MS = 300_000;

/** Registers the pass-through for every path of /v1 that has no route. */
export async function addPassThrough(server: FastifyInstance, options: PassThroughOptions): Promise<void> {
  await server.register(httpProxy, {
    upstream: options.address,
    prefix: "/v1",
    rewritePrefix: "/v1",
    httpMethods: [...METHODS],
    undici: {
      headersTimeout: SILENCE_MS,
      bodyTimeout: SILENCE_MS,
      ...(options.caFile === undefined ? {} : { connect: { ca: readFileSync(options.caFile) } }),
    },
    disableRequestLogging: true,
    replyOptions: {
      // By default it repeats a GET on 503 up to ten times; whether to repeat is the client's decision.
      retryDelay: () => null,
      rewriteRequestHeaders: (request, headers) => ({
        ...withoutHopByHop(headers),
        "x-forwarded-for": forwardedFor(request.headers["x-forwarded-for"], request.socket.remoteAddress),
      }),
      rewriteHeaders: (headers) => withoutHopByHop(headers),
      onError: (reply) => {
        void reply.code(502).send({ errors: ["the gateway could not reach the source"] });
      },
    },
  });
  server.addHook("onResponse", async (request, reply) => {
    const hint = hintOf(request, reply.statusCode, options);
    if (hint === undefined) return;
    options.onHint(hint);
    options.events.gatewayHint(hint.operation);
  });
}

function hintOf(request: FastifyRequest, status: number, options: PassThroughOptions): Hint | undefined {
  const header = request.headers["x-vault-namespace"];
  const namespace = typeof header === "string" ? header.replace(/^\/|\/$/g, "") : options.defaultNamespace;
  const { method, url } = request;
  const hint = hintFor({ method, url, status, namespace }, options.isMount);
  const trace = parseTraceparent(request.headers["traceparent"]?.toString());
  return hint === undefined || trace === undefined ? hint : { ...hint, traceId: trace.traceId };
}

function withoutHopByHop<T>(headers: Readonly<Record<string, T>>): Record<string, T> {
  const connection = String(headers["connection"] ?? "").toLowerCase();
  const named = new Set(connection.split(",").map((name) => name.trim()));
  const kept = Object.entries(headers).filter(([name]) => {
    const lower = name.toLowerCase();
    return !HOP_BY_HOP.has(lower) && !named.has(lower);
  });
  return Object.fromEntries(kept);
}

function forwardedFor(before: string | string[] | undefined, address: string | undefined): string {
  const chain = Array.isArray(before) ? before.join(", ") : before;
  return [chain, address].filter((part) => part !== undefined && part !== "").join(", ");
}
