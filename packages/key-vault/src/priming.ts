// Owns: the first exchange of a client. Until its challenge is answered, the SDK sends every concurrent call twice, and
// an older one sent bodies without a token (hazard cold-client-burst; reference 5.3). So one cheap read goes first, and
// everybody waits for it.
import type { SecretClient } from "@azure/keyvault-secrets";
import { KeyferryError } from "@keyferry/errors";
import type { Clock } from "@keyferry/ports";
import { type ExchangeLog, noting } from "./exchange.ts";
import { toVaultError } from "./failure.ts";

export class Priming {
  readonly #client: SecretClient;
  readonly #clock: Clock;
  #flight: Promise<void> | undefined;

  constructor(client: SecretClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Resolves once the client has a token that the vault took. Who gives up does not stop it for the others. */
  async done(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw abortedError();
    this.#flight ??= this.#prime().catch((error: unknown) => {
      this.#flight = undefined;
      throw error;
    });
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(abortedError());
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await Promise.race([this.#flight, aborted]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  async #prime(): Promise<void> {
    const log: ExchangeLog = { last: undefined };
    try {
      const secrets = this.#client.listPropertiesOfSecrets();
      await noting(log, () => secrets.byPage({ maxPageSize: 1 })[Symbol.asyncIterator]().next());
    } catch (thrown) {
      const { authenticated, answer } = log.last ?? {};
      // Denied or throttled, but with a token: the handshake is done, which is all that this call is for.
      if (authenticated === true && answer !== undefined && answer.status !== 401) return;
      const attempt = { operation: "prime", writes: false, signal: new AbortController().signal };
      throw toVaultError(thrown, attempt, log.last, this.#clock.now());
    }
  }
}

function abortedError(): KeyferryError {
  return new KeyferryError("operation-aborted", "The operation was aborted");
}
