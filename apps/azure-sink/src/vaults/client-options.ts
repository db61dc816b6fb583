import type { Connection } from "@keyferry/contracts";
import type { AzureCredential, KeyVaultOptions } from "@keyferry/key-vault";
import type { Clock, Logger } from "@keyferry/ports";
import type { AzureCredentials } from "./azure-credentials.ts";

/** What every client of a Key Vault is made with. */
export interface ClientParts {
  readonly credentials: AzureCredentials;
  readonly vaultOptions: Pick<
    KeyVaultOptions,
    "authorityHost" | "caFile" | "emulator" | "requestTimeoutMs" | "maxSockets" | "onAnswer"
  >;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The options of one destination's client. */
export function clientOptions(
  { vaultOptions, clock, logger }: ClientParts,
  { keyVaultUri, cloud, network }: Connection,
  credential: AzureCredential,
): KeyVaultOptions {
  return { ...vaultOptions, uri: keyVaultUri, cloud, network, credential, clock, logger };
}
