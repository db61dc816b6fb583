// Owns: tokens: which identity, and that one flight fetches a token for all who wait (reference: the SDK's client and a
// cold credential each call once per request). Does not own: caching and refreshing; @azure/identity and the SDK do.
import { ClientSecretCredential } from "@azure/identity";
import type { AccessToken, GetTokenOptions, TokenCredential } from "@azure/identity";
import { KeyferryError } from "@keyferry/errors";
import type { SecretValue } from "@keyferry/ports";
import { type ExchangeLog, noting } from "./exchange.ts";
import type { Transport } from "./transport.ts";

/** Who a destination is in Azure. Open for workload and managed identity: another kind, another credential below. */
export type AzureCredential = {
  readonly kind: "client-secret";
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: SecretValue;
};

export interface AuthorityOptions {
  readonly authorityHost: string;
  readonly transport: Transport;
  /** False for an emulator: its authority is in no list that discovery could find it in. */
  readonly instanceDiscovery: boolean;
}

export function createCredential(credential: AzureCredential, authority: AuthorityOptions): TokenCredential {
  const { tenantId, clientId, clientSecret } = credential;
  return new SingleFlightCredential(
    () =>
      new ClientSecretCredential(tenantId, clientId, clientSecret.reveal(), {
        authorityHost: authority.authorityHost,
        disableInstanceDiscovery: !authority.instanceDiscovery,
        httpClient: authority.transport,
        retryOptions: { maxRetries: 0 },
        redirectOptions: { maxRetries: 0 },
      }),
  );
}

/** One call of the inner credential at a time for all who want the same token. */
export class SingleFlightCredential implements TokenCredential {
  readonly #make: () => TokenCredential;
  #inner: TokenCredential;
  readonly #flights = new Map<string, Promise<AccessToken>>();

  constructor(make: () => TokenCredential) {
    this.#make = make;
    this.#inner = make();
  }

  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    // Without the tenant that the challenge names: the configured one decides, so that no answer of a server can choose
    // who signs, and a tenant may be written as a DNS name.
    const wanted: GetTokenOptions = {
      enableCae: options?.enableCae ?? true,
      ...(options?.claims === undefined ? {} : { claims: options.claims }),
    };
    const key = JSON.stringify([scopes, wanted]);
    let flight = this.#flights.get(key);
    if (flight === undefined) {
      flight = this.#fetch(scopes, wanted).finally(() => this.#flights.delete(key));
      this.#flights.set(key, flight);
    }
    // The flight goes on for the others when one caller gives up.
    return untilAborted(flight, options?.abortSignal);
  }

  async #fetch(scopes: string | string[], options: GetTokenOptions): Promise<AccessToken> {
    const log: ExchangeLog = { last: undefined };
    try {
      const token = await noting(log, () => this.#inner.getToken(scopes, options));
      if (token !== null) return token;
    } catch (thrown) {
      // After one failure of the authority the library refuses for a minute without asking; when to ask again is the
      // caller's decision. Nothing is lost with it: there was no valid token.
      this.#inner = this.#make();
      throw tokenError(thrown, log);
    }
    throw new KeyferryError("vault-credential", "Azure gave no token", { operation: "token" });
  }
}

/** The library's error holds the token request; only the code of Entra's answer is taken from it. */
function tokenError(thrown: unknown, log: ExchangeLog): KeyferryError {
  const { answer, failure } = log.last ?? { answer: undefined, failure: undefined };
  if (failure !== undefined) {
    return new KeyferryError("vault-unreachable", "Azure's identity provider did not answer", {
      operation: "token",
      code: failure,
    });
  }
  if (answer !== undefined && (answer.status >= 500 || answer.status === 429)) {
    return new KeyferryError("vault-unreachable", `Azure's identity provider answered ${answer.status}`, {
      operation: "token",
      status: answer.status,
    });
  }
  const aadsts = /AADSTS\d{3,8}/.exec(thrown instanceof Error ? thrown.message : "")?.[0] ?? null;
  return new KeyferryError(
    "vault-credential",
    `Azure refused a token${aadsts === null ? "" : `: ${aadsts}`}`,
    {
      operation: "token",
      aadsts,
    },
  );
}

type SignalLike = NonNullable<GetTokenOptions["abortSignal"]>;

async function untilAborted<T>(promise: Promise<T>, signal: SignalLike | undefined): Promise<T> {
  if (signal === undefined) return promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(new KeyferryError("operation-aborted", "The operation was aborted"));
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
