// Owns: the HTTP server of the API: how bodies are read, how errors are answered, LIST, limits. Does not own the routes.

import { createServer } from "node:http";
import { KeyferryError } from "@keyferry/errors";
import { type Clock, inTrace, newTrace, parseTraceparent, type Random } from "@keyferry/ports";
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { ServiceEvents } from "../events.ts";
import { redirectToClean } from "./clean-path.ts";
import { acceptListMethod } from "./list-method.ts";
import { Refusal, toRefusal } from "./refusal.ts";

// Bodies of this API are a few hundred bytes; Vault itself stops at 32 MiB, for other paths (the pass-through streams).
const BODY_BYTES_MAX = 1_048_576;
const HEAD_BYTES_MAX = 65_536; // batch tokens and proxies' headers fit; Node's 16 KiB is small for both together
// Longer than a client's pause between two requests, so that it isn't us who close a connection that is in use.
const KEEP_ALIVE_MS = 75_000;
// How long a request may take to arrive whole: long bodies pass the gateway (a snapshot), slow ones hold a socket.
const REQUEST_TIMEOUT_MS = 300_000;

export interface ServerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly events: ServiceEvents;
}

/** A fastify server without routes, in Vault's manners. */
export function createApiServer({ clock, random, events }: ServerOptions): FastifyInstance {
  const server = fastify({
    logger: false,
    bodyLimit: BODY_BYTES_MAX,
    genReqId: () => random.uuid(),
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 512 },
    // Errors of the parser are answered by list-method.ts, which hears of them first.
    clientErrorHandler: () => undefined,
    // What the router itself refuses (a path whose percent signs mean nothing) is answered in Vault's shape too.
    frameworkErrors: (_error, _request, reply: FastifyReply) => {
      void reply.code(400).send({ errors: ["malformed request path"] });
    },
    forceCloseConnections: "idle",
    serverFactory(handler) {
      const http = createServer(
        {
          maxHeaderSize: HEAD_BYTES_MAX,
          requestTimeout: REQUEST_TIMEOUT_MS,
          keepAliveTimeout: KEEP_ALIVE_MS,
        },
        handler,
      );
      acceptListMethod(http);
      return http;
    },
  });
  readBodies(server);
  const begun = new WeakMap<FastifyRequest, number>();
  // The caller's trace, or a new one, is that of everything a request causes: its writes carry it to the resolvers.
  server.addHook("onRequest", (request, _reply, done) => {
    inTrace(parseTraceparent(request.headers["traceparent"]?.toString()) ?? newTrace(random), done);
  });
  server.addHook("onRequest", async (request) => {
    begun.set(request, clock.now());
  });
  server.addHook("onResponse", async (request, reply) => {
    const route = request.routeOptions.url ?? "none";
    const tookMs = clock.now() - (begun.get(request) ?? clock.now());
    events.requestAnswered({ method: request.method, route, status: reply.statusCode, tookMs });
  });
  server.setErrorHandler(async (error, _request, reply) => {
    const refusal = toRefusal(error);
    return reply.code(refusal.status).send({ errors: refusal.errors });
  });
  server.setNotFoundHandler(async (request, reply) => {
    if (redirectToClean(request, reply)) return reply;
    const path = request.url.split("?")[0]?.replace(/^\/v1\//, "") ?? "";
    return reply.code(404).send({ errors: [`no handler for route "${path}". route entry not found.`] });
  });
  return server;
}

// Vault reads a body as JSON whatever its type says (its Go client sends none, curl sends a form's); PATCH alone must be
// application/merge-patch+json, anything else is 415 (reference: PATCH).
function readBodies(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", { parseAs: "string" }, (request, text, done) => {
    const type = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
    if (request.method === "PATCH" && type !== "application/merge-patch+json") {
      done(new Refusal(415, ["PATCH requires Content-Type of application/merge-patch+json"]));
      return;
    }
    const body = text.toString();
    if (body.trim() === "") {
      done(null, undefined);
      return;
    }
    try {
      done(null, JSON.parse(body));
    } catch {
      // The parser's own text quotes the body, which may hold a client secret.
      done(new Refusal(400, ["failed to parse JSON input: the body is not valid JSON"]));
    }
  });
}

/** Starts to listen. @returns the address, also where port 0 was asked for. */
export async function listenOn(
  server: FastifyInstance,
  listen: { readonly host: string; readonly port: number },
): Promise<{ readonly host: string; readonly port: number }> {
  try {
    await server.listen(listen);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "EADDRINUSE" && code !== "EACCES") throw error;
    throw new KeyferryError(
      "listen-address-taken",
      `associationService.api.listen: ${listen.host}:${listen.port} can't be listened on (${code})`,
      { port: listen.port },
    );
  }
  const address = server.server.address();
  const port = typeof address === "object" && address !== null ? address.port : listen.port;
  return { host: listen.host, port };
}
