// Owns: one token request for all who want the same token, and what a refused token means. Does not own: which identity
// (credential.ts), caching and refreshing (@azure/identity).
import type { AccessToken, GetTokenOptions, TokenCredential } from "@azure/identity";
import { KeyferryError } from "@keyferry/errors";
import { entraCode } from "./aadsts.ts";
import { type ExchangeLog, noting } from "./exchange.ts";

export interface FlightOptions {
  /** For messages. */
  readonly kind: "client-secret" | "certificate" | "workload-identity" | "managed-identity";
  /** Runs before the inner credential is asked; what it throws is the answer. */
  readonly prepare?: () => Promise<void>;
}

/** One call of the inner credential at a time for all who want the same token. */
export class SingleFlightCredential implements TokenCredential {
  readonly #make: () => TokenCredential;
  readonly #options: FlightOptions;
  #inner: TokenCredential;
  readonly #flights = new Map<string, Promise<AccessToken>>();

  constructor(make: () => TokenCredential, options: FlightOptions = { kind: "client-secret" }) {
    this.#make = make;
    this.#options = options;
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
    const { prepare } = this.#options;
    if (prepare !== undefined) await prepare();
    const log: ExchangeLog = { last: undefined };
    try {
      const token = await noting(log, () => this.#inner.getToken(scopes, options));
      if (token !== null) return token;
    } catch (thrown) {
      // After one failure of the authority the library refuses for a minute without asking; when to ask again is the
      // caller's decision. Nothing is lost with it: there was no valid token.
      this.#inner = this.#make();
      throw tokenError(thrown, log, this.#options.kind);
    }
    throw new KeyferryError("vault-credential", "Azure gave no token", { operation: "token" });
  }
}

/** The library's error holds the token request; only the code of Entra's answer is taken from it. */
function tokenError(thrown: unknown, log: ExchangeLog, kind: FlightOptions["kind"]): KeyferryError {
  const { answer, failure, prohibited } = log.last ?? {};
  if (prohibited !== undefined)
    return new KeyferryError("address-prohibited", prohibited, { operation: "token" });
  if (kind === "managed-identity" && (failure !== undefined || answer?.status === 400)) {
    // Not an outage: its endpoint is on this very machine, or this machine has no identity.
    const why = failure === undefined ? "does not know the identity" : `does not answer (${failure})`;
    return new KeyferryError(
      "vault-credential",
      `The endpoint of managed identities ${why} where the sink runs`,
      {
        operation: "token",
        code: failure ?? null,
      },
    );
  }
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
  const meaning = aadsts === null ? undefined : entraCode(aadsts)?.meaning;
  const code = aadsts === null ? "" : `: ${aadsts}${meaning === undefined ? "" : ` (${meaning})`}`;
  return new KeyferryError("vault-credential", `Azure refused a token${code}`, {
    operation: "token",
    aadsts,
  });
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
