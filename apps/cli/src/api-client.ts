// Owns: calls to the HTTP API and what their failures mean to a person. Does not own: what is asked.

import { request as httpRequest } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { EXIT } from "./exit-codes.ts";
import { Failure } from "./failure.ts";
import type { Settings } from "./settings.ts";

export type Data = Readonly<Record<string, unknown>>;

export interface CallOptions {
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  /** How long the whole call may take, ms. */
  readonly limitMs?: number;
}

interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

// Longer than the server lets a request wait for its own servers (15 s), so that its explanation arrives.
const CALL_MS = 30_000;
// A page of status of 50,000 associations has 30 MB; more is no answer of this API.
const ANSWER_BYTES_MAX = 256 * 1_048_576;

/** The API at one address with one token. */
export class ApiClient {
  readonly #settings: Settings;
  readonly #signal: AbortSignal;

  constructor(settings: Settings, signal: AbortSignal) {
    this.#settings = settings;
    this.#signal = signal;
  }

  get address(): string {
    return this.#settings.address.href.replace(/\/$/, "");
  }

  /**
   * One call below /v1; gives `data` of the envelope, empty for 204.
   * @throws Failure that says which part is down, what is not allowed, or what was refused
   */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Data> {
    const answer = await this.#send(method, path, options);
    const body = parse(answer.text);
    if (answer.status >= 200 && answer.status < 300) return dataOf(body);
    throw this.#failureOf(method, path, answer.status, errorsOf(body));
  }

  /** As `call`; undefined where there is nothing (404). */
  async find(method: string, path: string, options: CallOptions = {}): Promise<Data | undefined> {
    try {
      return await this.call(method, path, options);
    } catch (error) {
      if (error instanceof Failure && error.exitCode === EXIT.absent) return undefined;
      throw error;
    }
  }

  #send(
    method: string,
    path: string,
    { query = {}, body, limitMs = CALL_MS }: CallOptions,
  ): Promise<RawAnswer> {
    const { address, token, namespace, ca, verify } = this.#settings;
    const url = new URL(
      `${address.href.replace(/\/$/, "")}/v1/${path.split("/").map(encodeURIComponent).join("/")}`,
    );
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const text = body === undefined ? undefined : JSON.stringify(body);
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const options: RequestOptions = {
      method,
      headers: {
        "X-Vault-Token": token,
        "X-Vault-Request": "true",
        ...(namespace === undefined ? {} : { "X-Vault-Namespace": namespace }),
        ...(text === undefined ? {} : { "Content-Type": type, "Content-Length": Buffer.byteLength(text) }),
      },
      signal: AbortSignal.any([this.#signal, AbortSignal.timeout(limitMs)]),
      ...(ca === undefined ? {} : { ca }),
      rejectUnauthorized: verify,
    };
    const start = url.protocol === "https:" ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => reject(this.#unreachable(error));
      const request = start(url, options, (response) => {
        const parts: Buffer[] = [];
        let size = 0;
        response.on("data", (part: Buffer) => {
          size += part.length;
          if (size > ANSWER_BYTES_MAX) request.destroy(new Error("the answer is too long"));
          parts.push(part);
        });
        response.on("error", fail);
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString("utf8") }),
        );
      });
      request.on("error", fail);
      request.end(text);
    });
  }

  #unreachable(error: Error): Failure {
    if (this.#signal.aborted) return new Failure(EXIT.interrupted, "Interrupted");
    const code = "code" in error && typeof error.code === "string" ? error.code : error.name;
    const where = `Nobody answers at ${this.address}`;
    if (code.startsWith("ERR_TLS") || code.includes("CERT") || code.includes("SIGNATURE")) {
      return new Failure(
        EXIT.away,
        `${this.address} shows a certificate that is not trusted (${code})`,
        "Set VAULT_CACERT to the file of the CA that signed it.",
      );
    }
    if (code === "EPROTO" || code.startsWith("ERR_SSL")) {
      return new Failure(
        EXIT.away,
        `${this.address} speaks no TLS (${code})`,
        "If it is meant to: look at what listens there. If not: write http:// in VAULT_ADDR, for development.",
      );
    }
    if (error.name === "TimeoutError" || code === "ABORT_ERR") {
      return new Failure(
        EXIT.away,
        `${where} in time`,
        "Check the address and what stands between; then repeat the command.",
      );
    }
    return new Failure(
      EXIT.away,
      `${where} (${code})`,
      "Check VAULT_ADDR: it has to lead to the association-service, or to the load balancer before it and Vault.",
    );
  }

  #failureOf(method: string, path: string, status: number, errors: readonly string[]): Failure {
    const words = errors
      .map((error) => error.trim())
      .filter((error) => error !== "")
      .join("; ");
    switch (status) {
      case 403:
        return new Failure(
          EXIT.denied,
          words.includes("permission denied to") ? words : `The token may not ${method} ${path}`,
          `A policy for it: path "${path}" { capabilities = [${capabilityFor(method)}] }`,
        );
      case 404:
        return this.#absent(path, words);
      case 502:
      case 503:
      case 504:
        return new Failure(EXIT.away, words === "" ? `${this.address} answered ${status}` : words);
      default:
        if (status >= 500) return new Failure(EXIT.away, `${this.address} answered ${status}: ${words}`);
        return new Failure(EXIT.refused, words === "" ? `${this.address} answered ${status}` : words);
    }
  }

  #absent(path: string, words: string): Failure {
    if (/no handler for route|unsupported path|route entry not found/.test(words)) {
      return new Failure(
        EXIT.away,
        `The server at ${this.address} has no ${path}`,
        "It is Vault itself, or an older Keyferry: /v1/sys/sync has to lead to the association-service.",
      );
    }
    return new Failure(EXIT.absent, words === "" ? `There is nothing at ${path}` : words);
  }
}

function capabilityFor(method: string): string {
  if (method === "LIST") return '"list"';
  if (method === "DELETE") return '"delete"';
  if (method === "PATCH") return '"patch"';
  return method === "GET" ? '"read"' : '"create", "update"';
}

function parse(text: string): unknown {
  try {
    return text === "" ? {} : (JSON.parse(text) as unknown);
  } catch {
    return {}; // a proxy's page: the status says enough
  }
}

function dataOf(body: unknown): Data {
  return isData(body) && isData(body["data"]) ? body["data"] : {};
}

function errorsOf(body: unknown): readonly string[] {
  const errors = isData(body) ? body["errors"] : undefined;
  return Array.isArray(errors) ? errors.map(String) : [];
}

function isData(value: unknown): value is Data {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
