// Owns: one HTTP exchange over TLS for the SDK, and the facts about it (exchange.ts). Beside the SDK's own client it
// knows whether a request was sent, bounds the time and the answer's size, and throws errors that hold nothing.
// Does not own: retries (there are none), tokens, what an answer means.
import { type Agent as PlainAgent, request as httpRequest } from "node:http";
import { type Agent, type RequestOptions, request as httpsRequest } from "node:https";
import { TLSSocket } from "node:tls";
import type { ClientRequest, IncomingMessage } from "node:http";
import {
  createHttpHeaders,
  type HttpClient,
  type PipelineRequest,
  type PipelineResponse,
} from "@azure/core-rest-pipeline";
import { currentSpan, formatTraceparent, span } from "@keyferry/ports";
import { ProhibitedAddress } from "./address-guard.ts";
import { type Answer, beginExchange, type Exchange, type RetryAfter } from "./exchange.ts";

/** No answer arrived. The facts are in the exchange; this only unwinds the SDK's stack, and holds no request. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

const ANSWER_BYTES_MAX = 4 * 1024 * 1024; // a page of 25 secrets with 15 full tags each is about 200 KB

/** Told of each complete answer, for figures: Azure's limits count calls, also those that it refuses. */
export type OnAnswer = (answer: {
  readonly host: string;
  readonly method: string;
  readonly status: number;
}) => void;

export class Transport implements HttpClient {
  readonly #agent: Agent;
  readonly #plainAgent: PlainAgent | undefined;
  readonly #timeoutMs: number;
  readonly #onAnswer: OnAnswer | undefined;

  /** `plainAgent`: for http, which the endpoint of managed identities speaks; without it only https is sent. */
  constructor(agent: Agent, timeoutMs: number, plainAgent?: PlainAgent, onAnswer?: OnAnswer) {
    this.#agent = agent;
    this.#plainAgent = plainAgent;
    this.#timeoutMs = timeoutMs;
    this.#onAnswer = onAnswer;
  }

  /** The SDK's port. Rejects with NoAnswer unless a complete answer arrived within the time. */
  async sendRequest(request: PipelineRequest): Promise<PipelineResponse> {
    return span(
      {
        name: `key-vault ${request.method}`,
        kind: "client",
        attributes: { "server.address": new URL(request.url).hostname },
        after: ({ status }) => ({ "http.response.status_code": status }),
      },
      () => this.#send(request),
    );
  }

  async #send(request: PipelineRequest): Promise<PipelineResponse> {
    const exchange = beginExchange(request.headers.has("authorization"));
    const { status, headers, body } = await this.#exchange(request, exchange);
    const answered = createHttpHeaders();
    for (const [name, value] of Object.entries(headers)) {
      if (value !== undefined) answered.set(name, Array.isArray(value) ? value.join(", ") : value);
    }
    exchange.answer = answerOf(status, answered, body);
    this.#onAnswer?.({ host: new URL(request.url).hostname, method: request.method, status });
    return { request, status, headers: answered, bodyAsText: body };
  }

  #exchange(request: PipelineRequest, exchange: Exchange): Promise<RawAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
    const sending = this.#open(request);
    const fail = (why: string): void => {
      exchange.failure ??= why;
      sending.destroy();
      reject(new NoAnswer("No answer arrived"));
    };
    const onAbort = (): void => fail("aborted");
    const timer = setTimeout(() => fail("timeout"), this.#timeoutMs);
    sending.on("socket", () => noteSending(sending, exchange));
    sending.on("error", (error: NodeJS.ErrnoException) => {
      if (error instanceof ProhibitedAddress) exchange.prohibited = error.message;
      fail(error.code ?? "unknown");
    });
    sending.on("response", (response) => void readBody(response).then(resolve, fail));
    request.abortSignal?.addEventListener("abort", onAbort);
    if (request.abortSignal?.aborted === true) onAbort();
    else sending.end(typeof request.body === "string" ? request.body : undefined);
    return promise.finally(() => {
      clearTimeout(timer);
      request.abortSignal?.removeEventListener("abort", onAbort);
    });
  }

  #open(request: PipelineRequest): ClientRequest {
    const isPlain = this.#plainAgent !== undefined && request.url.startsWith("http://");
    if (isPlain) return httpRequest(request.url, optionsOf(request, this.#plainAgent));
    return httpsRequest(request.url, optionsOf(request, this.#agent));
  }
}

interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

function optionsOf(request: PipelineRequest, agent: Agent | PlainAgent | undefined): RequestOptions {
  const headers = request.headers.toJSON();
  // The answers are small; what is not compressed needs no second bound on its size.
  delete headers["accept-encoding"];
  // W3C trace context; Azure's own logs keep the SDK's request id beside it.
  const running = currentSpan();
  if (running !== undefined) headers["traceparent"] = formatTraceparent(running);
  if (typeof request.body === "string") headers["content-length"] = String(Buffer.byteLength(request.body));
  return { agent, method: request.method, headers };
}

// `reusedSocket` alone does not tell: a request that has waited in the agent's line gets a socket that is up without it.
const isUp = new WeakSet<TLSSocket>();

/** Sets `sent` as soon as bytes of the request can have left: at once on a connection that is up, else after TLS is. */
function noteSending(sending: ClientRequest, exchange: Exchange): void {
  const { socket } = sending;
  if (sending.reusedSocket || !(socket instanceof TLSSocket) || isUp.has(socket)) {
    exchange.sent = true;
    return;
  }
  socket.once("secureConnect", () => {
    isUp.add(socket);
    exchange.sent = true;
  });
}

/** Rejects with a code, as text. */
function readBody(response: IncomingMessage): Promise<RawAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  response.on("data", (chunk: Buffer) => {
    sizeBytes += chunk.length;
    if (sizeBytes > ANSWER_BYTES_MAX) reject("answer-too-large");
    else chunks.push(chunk);
  });
  response.on("error", (error: NodeJS.ErrnoException) => reject(error.code ?? "unknown"));
  response.on("close", () => reject("answer-cut"));
  response.on("end", () => {
    const body = Buffer.concat(chunks).toString("utf8");
    resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
  });
  return promise;
}

function answerOf(status: number, headers: { get(name: string): string | undefined }, body: string): Answer {
  const { code, innerCode } = status >= 400 ? codesOf(body) : { code: undefined, innerCode: undefined };
  return {
    status,
    code,
    innerCode,
    requestId: headers.get("x-ms-request-id"),
    retryAfter: retryAfterOf(headers),
  };
}

const CODE = /^[\w.-]{1,100}$/; // as codes look; anything else could be text that quotes the request

function codesOf(body: string): { code: string | undefined; innerCode: string | undefined } {
  const error = memberOf(parsed(body), "error");
  const inner = memberOf(error, "innererror") ?? memberOf(error, "innerError");
  return { code: codeIn(error), innerCode: codeIn(inner) };
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined; // an error page of something in between; the status says enough
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function codeIn(error: unknown): string | undefined {
  const code = memberOf(error, "code");
  return typeof code === "string" && CODE.test(code) ? code : undefined;
}

// reference: Key Vault's 429 seems to carry none of them; honoured where present.
function retryAfterOf(headers: { get(name: string): string | undefined }): RetryAfter | undefined {
  const ms = headers.get("retry-after-ms") ?? headers.get("x-ms-retry-after-ms");
  if (ms !== undefined) return { unit: "ms", text: ms };
  const text = headers.get("retry-after");
  return text === undefined ? undefined : { unit: "s-or-date", text };
}
