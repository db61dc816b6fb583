// Owns: tokens: which identity, and that one flight fetches a token for all who wait (reference: the SDK's client and a
// cold credential each call once per request). Does not own: caching and refreshing; @azure/identity and the SDK do.
import { readFile } from "node:fs/promises";
import {
  ClientAssertionCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  ManagedIdentityCredential,
  type TokenCredential,
} from "@azure/identity";
import { KeyferryError } from "@keyferry/errors";
import type { SecretValue } from "@keyferry/ports";
import { SingleFlightCredential } from "./single-flight.ts";
import type { Transport } from "./transport.ts";

interface Application {
  readonly tenantId: string;
  readonly clientId: string;
}

/** Who a destination is in Azure. */
export type AzureCredential =
  | (Application & { readonly kind: "client-secret"; readonly clientSecret: SecretValue })
  /** Certificate and private key, PEM. */
  | (Application & { readonly kind: "certificate"; readonly certificate: SecretValue })
  /** The platform's token in a file, read again for each of Azure's. It must be for `audience`. */
  | (Application & {
      readonly kind: "workload-identity";
      readonly tokenFile: string;
      readonly audience?: string | undefined;
    })
  /** The machine's identity; `clientId`, unless empty, says which one of several. */
  | (Application & { readonly kind: "managed-identity" });

export interface AuthorityOptions {
  readonly authorityHost: string;
  readonly transport: Transport;
  /** False for an emulator: its authority is in no list that discovery could find it in. */
  readonly instanceDiscovery: boolean;
}

/** A credential for the SDK. Nothing is sent and no file is read before a token is asked for. */
export function createCredential(credential: AzureCredential, authority: AuthorityOptions): TokenCredential {
  const { tenantId, clientId, kind } = credential;
  const sending = {
    httpClient: authority.transport,
    retryOptions: { maxRetries: 0 },
    redirectOptions: { maxRetries: 0 },
  };
  const options = {
    ...sending,
    authorityHost: authority.authorityHost,
    disableInstanceDiscovery: !authority.instanceDiscovery,
  };
  switch (kind) {
    case "client-secret": {
      const secret = credential.clientSecret;
      return new SingleFlightCredential(
        () => new ClientSecretCredential(tenantId, clientId, secret.reveal(), options),
        { kind },
      );
    }
    case "certificate": {
      const pem = credential.certificate;
      return new SingleFlightCredential(
        () => new ClientCertificateCredential(tenantId, clientId, { certificate: pem.reveal() }, options),
        { kind },
      );
    }
    case "workload-identity": {
      const token = new FederatedToken(credential.tokenFile, credential.audience ?? EXCHANGE_AUDIENCE);
      return new SingleFlightCredential(
        () => new ClientAssertionCredential(tenantId, clientId, () => token.current(), options),
        { kind, prepare: () => token.read() },
      );
    }
    case "managed-identity":
      return new SingleFlightCredential(
        () => new ManagedIdentityCredential({ ...sending, ...(clientId === "" ? {} : { clientId }) }),
        { kind },
      );
    default:
      return kind satisfies never;
  }
}

// reference: the audience that Entra takes unless a federated credential says otherwise.
const EXCHANGE_AUDIENCE = "api://AzureADTokenExchange";

/** The platform's token. It rotates, and is read before each token of Azure's. */
class FederatedToken {
  readonly #file: string;
  readonly #audience: string;
  #jwt = "";

  constructor(file: string, audience: string) {
    this.#file = file;
    this.#audience = audience;
  }

  async current(): Promise<string> {
    return this.#jwt;
  }

  /** @throws KeyferryError `vault-credential` where the file has no token for the audience */
  async read(): Promise<void> {
    const jwt = await readFile(this.#file, "utf8").then(
      (text) => text.trim(),
      (error: NodeJS.ErrnoException) => {
        const code = error.code ?? "unknown";
        throw new KeyferryError(
          "vault-credential",
          `The file with the federated token can't be read: ${code}`,
          {
            code,
          },
        );
      },
    );
    const audiences = audiencesOf(jwt);
    if (audiences === undefined) {
      throw new KeyferryError("vault-credential", "The file with the federated token holds no JWT");
    }
    if (!audiences.includes(this.#audience)) {
      throw new KeyferryError(
        "vault-credential",
        `The federated token is not for ${this.#audience}: set the projected token's audience, or the destination's identity_token_audience`,
      );
    }
    this.#jwt = jwt;
  }
}

function audiencesOf(jwt: string): readonly unknown[] | undefined {
  const parts = jwt.split(".");
  try {
    const claims: unknown = JSON.parse(Buffer.from(parts[1] ?? "", "base64url").toString("utf8"));
    if (parts.length !== 3 || typeof claims !== "object" || claims === null) return undefined;
    const { aud } = claims as { readonly aud?: unknown };
    return Array.isArray(aud) ? aud : [aud];
  } catch {
    return undefined;
  }
}
