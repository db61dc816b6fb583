import type { View } from "@keyferry/bus";
import type { DestinationRecord, Uid } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import { createKeyVault, type KeyVault, type KeyVaultOptions } from "@keyferry/key-vault";
import type { Clock, Logger, SecretValue } from "@keyferry/ports";
import type { VaultClient } from "@keyferry/vault-client";
import type { Destinations, OpenDestination } from "../ports.ts";

// Owns: one Key Vault client per destination, kept as long as its connection and credential stay the same. Cached in
// memory, so that an unsync works with the source away (hazard client-secret-two-stores).

export interface OpenDestinationsOptions {
  readonly view: View<DestinationRecord>;
  readonly source: Pick<VaultClient, "readSecret">;
  readonly ownMount: { readonly namespace: string; readonly mount: string };
  /** For destinations whose credential is the sink's own environment. */
  readonly environmentSecret: SecretValue | undefined;
  readonly vaultOptions: Pick<
    KeyVaultOptions,
    "authorityHost" | "caFile" | "emulator" | "requestTimeoutMs" | "maxSockets"
  >;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Opened {
  readonly identity: string;
  readonly vault: KeyVault;
}

export class OpenDestinations implements Destinations, AsyncDisposable {
  readonly #options: OpenDestinationsOptions;
  readonly #opened = new Map<Uid, Promise<Opened>>();

  constructor(options: OpenDestinationsOptions) {
    this.#options = options;
  }

  async open(uid: Uid, signal: AbortSignal): Promise<OpenDestination | undefined> {
    const record = this.#find(uid);
    if (record === undefined) return undefined;
    const identity = JSON.stringify(record.connection);
    const known = await this.#opened.get(uid)?.catch(() => undefined);
    if (known?.identity === identity) return { record, vault: known.vault };
    if (known !== undefined) await known.vault.close();
    const opening = this.#connect(record, identity, signal);
    this.#opened.set(uid, opening);
    try {
      return { record, vault: (await opening).vault };
    } catch (error) {
      this.#opened.delete(uid);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = await Promise.all([...this.#opened.values()].map((one) => one.catch(() => undefined)));
    await Promise.all(opened.flatMap((one) => (one === undefined ? [] : [one.vault.close()])));
  }

  #find(uid: Uid): DestinationRecord | undefined {
    let retired: DestinationRecord | undefined;
    for (const [, { value }] of this.#options.view.entries()) {
      if (value.uid !== uid) continue;
      if (value.state !== "retired") return value;
      retired = value;
    }
    return retired;
  }

  async #connect(record: DestinationRecord, identity: string, signal: AbortSignal): Promise<Opened> {
    const { connection } = record;
    const clientSecret = await this.#clientSecret(record, signal);
    const vault = createKeyVault({
      ...this.#options.vaultOptions,
      uri: connection.keyVaultUri,
      cloud: connection.cloud,
      credential: {
        kind: "client-secret",
        tenantId: connection.tenantId,
        clientId: connection.clientId,
        clientSecret,
      },
      clock: this.#options.clock,
      logger: this.#options.logger,
    });
    return { identity, vault };
  }

  async #clientSecret({ name, connection }: DestinationRecord, signal: AbortSignal): Promise<SecretValue> {
    const { credential } = connection;
    if (credential.kind === "environment") {
      const { environmentSecret } = this.#options;
      if (environmentSecret !== undefined) return environmentSecret;
      throw new KeyferryError(
        "vault-credential",
        `Destination ${name} has no client_secret, and azureSink.azure.clientSecret is not set either`,
      );
    }
    if (credential.kind !== "client-secret") {
      throw new KeyferryError("vault-credential", `Destination ${name} has a ${credential.kind} credential`);
    }
    const read = await this.#options.source.readSecret(
      { ...this.#options.ownMount, path: credential.path },
      credential.version,
      signal,
    );
    const secret = read.kind === "live" ? read.data.get("client_secret") : undefined;
    if (secret !== undefined) return secret;
    throw new KeyferryError(
      "vault-credential",
      `The stored client_secret of destination ${name} is gone: write it again`,
    );
  }
}
