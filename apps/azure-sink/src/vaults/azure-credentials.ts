// Owns: what a destination's credential is made of: its secret is read from Keyferry's own mount, the rest is the sink's
// own configuration. Secrets are read once for each client and kept by it, so that an unsync works with the source away
// (hazard client-secret-two-stores).
import type { Connection, Credential } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import type { AzureCredential } from "@keyferry/key-vault";
import type { SecretValue } from "@keyferry/ports";
import type { VaultClient } from "@keyferry/vault-client";

export interface AzureCredentialsOptions {
  readonly source: Pick<VaultClient, "readSecret">;
  readonly ownMount: { readonly namespace: string; readonly mount: string };
  /** For destinations whose credential is the sink's own environment. */
  readonly environmentSecret: SecretValue | undefined;
  /** The platform's token for workload identity. */
  readonly federatedTokenFile: string | undefined;
}

type Stored = Extract<Credential, { path: string }>;

export class AzureCredentials {
  readonly #options: AzureCredentialsOptions;

  constructor(options: AzureCredentialsOptions) {
    this.#options = options;
  }

  /** @throws KeyferryError `vault-credential` that says what is missing; `source-*` */
  async of(destination: string, connection: Connection, signal: AbortSignal): Promise<AzureCredential> {
    const { tenantId, clientId, credential } = connection;
    const application = { tenantId, clientId };
    switch (credential.kind) {
      case "client-secret": {
        const clientSecret = await this.#read(destination, credential, "client_secret", signal);
        return { kind: "client-secret", ...application, clientSecret };
      }
      case "certificate": {
        const certificate = await this.#read(destination, credential, "client_certificate", signal);
        return { kind: "certificate", ...application, certificate };
      }
      case "workload-identity": {
        const { audience } = credential;
        return {
          kind: "workload-identity",
          ...application,
          tokenFile: this.#tokenFile(destination),
          audience,
        };
      }
      case "managed-identity":
        return { kind: "managed-identity", ...application };
      case "environment":
        return this.#fromEnvironment(destination, application);
      default:
        return credential satisfies never;
    }
  }

  // reference: Vault's own order is client secret, workload identity, managed identity. The last is asked for by name only
  // here: where nothing is configured at all, a machine's endpoint that does not answer would hide what is missing.
  #fromEnvironment(
    destination: string,
    application: { readonly tenantId: string; readonly clientId: string },
  ): AzureCredential {
    const { environmentSecret: clientSecret, federatedTokenFile } = this.#options;
    if (clientSecret !== undefined) return { kind: "client-secret", ...application, clientSecret };
    if (federatedTokenFile !== undefined) {
      return { kind: "workload-identity", ...application, tokenFile: federatedTokenFile };
    }
    throw new KeyferryError(
      "vault-credential",
      `Destination ${destination} has no client_secret, and azureSink.azure.clientSecret is not set either. For the machine's identity send credential=managed-identity`,
    );
  }

  #tokenFile(destination: string): string {
    const { federatedTokenFile } = this.#options;
    if (federatedTokenFile !== undefined) return federatedTokenFile;
    throw new KeyferryError(
      "vault-credential",
      `Destination ${destination} logs in by workload identity, and azureSink.azure.federatedTokenFile is not set`,
    );
  }

  async #read(
    destination: string,
    { path, version }: Stored,
    field: "client_secret" | "client_certificate",
    signal: AbortSignal,
  ): Promise<SecretValue> {
    const { source, ownMount } = this.#options;
    const read = await source.readSecret({ ...ownMount, path }, version, signal);
    const secret = read.kind === "live" ? read.data.get(field) : undefined;
    if (secret !== undefined) return secret;
    throw new KeyferryError(
      "vault-credential",
      `The stored ${field} of destination ${destination} is gone: write it again`,
    );
  }
}
