// Owns: one HTTP exchange with the source: token, namespace, time-out, size limit, and the translation of what can go
// wrong in transit. Does not own: what an answer means (answer/). Invariants: redirects are not followed (the token
// would go with them), nothing of a request or an answer enters an error (P5).
import { readFileSync } from "node:fs";
import { KeyferryError } from "@keyferry/errors";
import { type Clock, type Logger, type SecretValue, span } from "@keyferry/ports";
import { Agent, type Dispatcher } from "undici";

/** A token, or who has it: asked for each call, and once more with the token that the server has refused. */
export type TokenSource = SecretValue | ((refused?: SecretValue) => SecretValue | Promise<SecretValue>);

export interface TransportOptions {
  readonly address: string;
  readonly token: TokenSource;
  readonly caFile?: string;
  readonly timeoutMs: number;
  /** Reads are answered by the cluster's active node, whichever node is asked, as far as the server can do that. */
  readonly fromActiveNode?: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Call {
  readonly method: "GET" | "POST" | "DELETE";
  /** Below `/v1/`, encoded, with its query. */
  readonly path: string;
  readonly namespace: string;
  readonly body?: string;
  /** Whose token goes with it; the client's own if absent. */
  readonly token?: SecretValue | "none";
  /** For messages: the operation and what it acts on. */
  readonly what: string;
  readonly bytesMax?: number;
  /** In place of the client's own limit. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** The answer's `Date` in milliseconds; our own clock if the server sent none. Whole seconds, cut off. */
  readonly observedAt: number;
}

const ANSWER_BYTES_MAX = 4 * 1024 * 1024; // four times what Vault takes as one secret by default (1 MiB in storage)
const CONNECTIONS_MAX = 32; // more than any service here asks at once; keeps one slow answer from blocking the rest
const KEEP_ALIVE_MS = 30_000; // well below Vault's idle time-out of 5 minutes

export class Transport {
  readonly #origin: string;
  readonly #prefix: string;
  readonly #agent: Agent;
  readonly #options: TransportOptions;
  /** An index that no standby has reached, once the server has shown that it knows indexes. */
  #unreached: string | undefined;

  constructor(options: TransportOptions) {
    const url = parseAddress(options.address);
    this.#origin = url.origin;
    this.#prefix = `${url.pathname.replace(/\/+$/, "")}/v1/`;
    this.#options = options;
    this.#agent = new Agent({
      connections: CONNECTIONS_MAX,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: options.timeoutMs,
      bodyTimeout: options.timeoutMs,
      connect: {
        timeout: options.timeoutMs,
        ...(options.caFile === undefined ? {} : { ca: readCa(options.caFile) }),
      },
    });
  }

  /** One exchange. After a 403 with our own token, once more if the token's source gives another one by then. */
  async send(call: Call): Promise<Answer> {
    return span(
      {
        name: `source ${call.method}`,
        kind: "client",
        after: ({ status }) => ({ "http.response.status_code": status }),
      },
      () => this.#sendTraced(call),
    );
  }

  async #sendTraced(call: Call): Promise<Answer> {
    const token = call.token === undefined ? await this.#ownToken() : call.token;
    const answer = await this.#exchange(call, token);
    if (answer.status !== 403 || call.token !== undefined || typeof this.#options.token !== "function") {
      return answer;
    }
    const renewed = await this.#ownToken(token === "none" ? undefined : token);
    if (token !== "none" && renewed.reveal() === token.reveal()) return answer;
    this.#options.logger.info(
      { call: call.what },
      "the source refused the token; asking again with a new one",
    );
    return this.#exchange(call, renewed);
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  /** OpenBao ≥ 2.7 (measured on 2.7.2): a read beyond a standby's index goes to the active node, which answers any. */
  #consistency({ method }: Call): Record<string, string> {
    if (method !== "GET" || this.#unreached === undefined) return {};
    return { "x-vault-index": this.#unreached, "x-vault-inconsistent": "forward-active-node" };
  }

  async #ownToken(refused?: SecretValue): Promise<SecretValue> {
    const { token } = this.#options;
    return typeof token === "function" ? token(refused) : token;
  }

  async #exchange(call: Call, token: SecretValue | "none"): Promise<Answer> {
    const timeoutMs = call.timeoutMs ?? this.#options.timeoutMs;
    const limit = new TimeLimit(timeoutMs, call.signal);
    try {
      const response = await this.#agent.request({
        origin: this.#origin,
        path: this.#prefix + call.path,
        method: call.method,
        headers: { ...headersOf(call, token), ...this.#consistency(call) },
        body: call.body ?? null,
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
        signal: limit.signal,
      });
      const body = await readBody(response, call.bytesMax ?? ANSWER_BYTES_MAX, call.what);
      if (this.#options.fromActiveNode === true)
        this.#unreached = unreachedBy(response.headers) ?? this.#unreached;
      return {
        status: response.statusCode,
        body,
        observedAt: dateOf(response.headers["date"]) ?? this.#options.clock.now(),
      };
    } catch (thrown) {
      throw translate(thrown, call, limit.isOver);
    } finally {
      limit.end();
    }
  }
}

/**
 * The time that one exchange may take, and the caller's own signal. Ended with the exchange: AbortSignal.timeout and
 * AbortSignal.any would keep theirs until the time is over, thousands at a time under load.
 */
class TimeLimit {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #caller: AbortSignal | undefined;
  readonly #abort = (): void => this.#controller.abort();
  #isOver = false;

  constructor(timeoutMs: number, caller: AbortSignal | undefined) {
    this.#caller = caller;
    this.#timer = setTimeout(() => {
      this.#isOver = true;
      this.#abort();
    }, timeoutMs);
    if (caller?.aborted === true) this.#abort();
    caller?.addEventListener("abort", this.#abort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener("abort", this.#abort);
  }
}

const INDEX_MAX = "9223372036854775807";

/** The highest index of the cluster that an answer's index names; undefined where there is none, or Vault's own kind. */
function unreachedBy(headers: Dispatcher.ResponseData["headers"]): string | undefined {
  const index = headers["x-vault-index"];
  if (typeof index !== "string") return undefined;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(index, "base64").toString("utf8"));
    const cluster =
      typeof parsed === "object" && parsed !== null && "cluster" in parsed ? parsed.cluster : undefined;
    if (typeof cluster !== "string") return undefined;
    return Buffer.from(JSON.stringify({ cluster, value: INDEX_MAX }), "utf8").toString("base64");
  } catch {
    return undefined; // Vault Enterprise's index is no JSON, and can't be made up
  }
}

function headersOf(call: Call, token: SecretValue | "none"): Record<string, string> {
  return {
    accept: "application/json",
    "x-vault-request": "true",
    ...(token === "none" ? {} : { "x-vault-token": token.reveal() }),
    ...(call.namespace === "" ? {} : { "x-vault-namespace": call.namespace }),
    ...(call.body === undefined ? {} : { "content-type": "application/json" }),
  };
}

async function readBody(response: Dispatcher.ResponseData, bytesMax: number, what: string): Promise<string> {
  // Each chunk becomes text at once: a page of a sweep is megabytes, of which two copies would lie outside the heap.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const parts: string[] = [];
  let sizeBytes = 0;
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > bytesMax) {
      throw new KeyferryError(
        "source-answer-unknown",
        `${what}: the answer is larger than ${bytesMax} bytes`,
      );
    }
    parts.push(decoder.decode(chunk, { stream: true }));
  }
  parts.push(decoder.decode());
  return parts.join("");
}

function dateOf(header: string | string[] | undefined): number | undefined {
  if (typeof header !== "string") return undefined;
  const milliseconds = Date.parse(header);
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}

/** Transit errors by their code only: undici's messages are safe, but nothing keeps them so. */
function translate(thrown: unknown, call: Call, isTimeOver: boolean): KeyferryError {
  if (thrown instanceof KeyferryError) return thrown;
  if (call.signal?.aborted === true) {
    return new KeyferryError("operation-aborted", `${call.what}: aborted`);
  }
  if (isTimeOver) return new KeyferryError("source-unreachable", `${call.what}: no answer in time`);
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "unknown";
  return new KeyferryError("source-unreachable", `${call.what}: ${code}`, { code });
}

function parseAddress(address: string): URL {
  const url = URL.parse(address);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new KeyferryError("config-invalid", "The source's address is not an http or https URL");
  }
  return url;
}

function readCa(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    throw new KeyferryError("config-invalid", "The source's CA file cannot be read", { path });
  }
}
