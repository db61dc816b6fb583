// Owns: DELETE and recover as one request each. The SDK's own come with pollers: a delete is followed by a read, and a
// recover reads the *value* first, which a sink's role must not be able to (reference 4 and 5.4). Its generated client
// is private, so these two go through a pipeline of their own, made of the same parts: transport, credential, no
// retries. It needs no challenge: the scope follows from the cloud of the vault's checked address.
import {
  bearerTokenAuthenticationPolicy,
  createHttpHeaders,
  createPipelineFromOptions,
  createPipelineRequest,
  type HttpMethods,
  type Pipeline,
} from "@azure/core-rest-pipeline";
import type { TokenCredential } from "@azure/identity";
import type { Transport } from "./transport.ts";

export class ThinCalls {
  readonly #pipeline: Pipeline;
  readonly #transport: Transport;
  readonly #base: string;
  readonly #apiVersion: string;

  constructor(options: {
    vaultHost: string;
    scope: string;
    apiVersion: string;
    credential: TokenCredential;
    transport: Transport;
  }) {
    this.#base = `https://${options.vaultHost}`;
    this.#apiVersion = options.apiVersion;
    this.#transport = options.transport;
    this.#pipeline = createPipelineFromOptions({
      retryOptions: { maxRetries: 0 },
      redirectOptions: { maxRetries: 0 },
    });
    this.#pipeline.addPolicy(
      bearerTokenAuthenticationPolicy({ credential: options.credential, scopes: options.scope }),
      { phase: "Sign" },
    );
  }

  /** Returns the status; the answer is in the exchange. */
  delete(name: string, signal: AbortSignal): Promise<number> {
    return this.#send("DELETE", `/secrets/${name}`, signal);
  }

  /** Likewise. */
  recover(name: string, signal: AbortSignal): Promise<number> {
    return this.#send("POST", `/deletedsecrets/${name}/recover`, signal);
  }

  async #send(method: HttpMethods, path: string, signal: AbortSignal): Promise<number> {
    const request = createPipelineRequest({
      url: `${this.#base}${path}?api-version=${this.#apiVersion}`,
      method,
      headers: createHttpHeaders({ accept: "application/json" }),
      abortSignal: signal,
    });
    const response = await this.#pipeline.sendRequest(this.#transport, request);
    return response.status;
  }
}
