// Owns: how the parts of one vault's client fit together, and which addresses it may have.
import { SecretClient } from "@azure/keyvault-secrets";
import { KeyferryError } from "@keyferry/errors";
import { AZURE_CLOUDS, checkTenantId, checkVaultUri } from "@keyferry/naming";
import type { Clock, Logger } from "@keyferry/ports";
import { createAgent } from "./connection.ts";
import { type AzureCredential, createCredential } from "./credential.ts";
import { AzureKeyVault } from "./azure-key-vault.ts";
import type { KeyVault } from "./key-vault.ts";
import { ThinCalls } from "./thin-calls.ts";
import { Transport } from "./transport.ts";

export interface KeyVaultOptions {
  /** `https://NAME.SUFFIX`, nothing more (O18). */
  readonly uri: string;
  readonly cloud?: string | undefined;
  readonly credential: AzureCredential;
  /** The cloud's own where missing. https. */
  readonly authorityHost?: string | undefined;
  readonly caFile?: string | undefined;
  readonly ca?: string | undefined;
  /** Server configuration only: both the vault and the authority are reached at this `host:port`. */
  readonly emulator?: { readonly address: string } | undefined;
  /** Of each request. A call can make three: a handshake, a token, the call itself. */
  readonly requestTimeoutMs: number;
  readonly maxSockets?: number | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

// Not the newest on purpose: secrets have hardly changed since, and sovereign clouds lag (reference 1).
const API_VERSION = "7.6";
// 30 creates/s at 100 ms want 3 to 5 (reference 5.5); this leaves room for look-ups and slow answers.
const SOCKETS_MAX = 32;
const AUTHORITY_SOCKETS_MAX = 2; // tokens are fetched in a single flight

/**
 * A client of one Key Vault. Connects at the first call. Throws `config-invalid` for an address or a tenant that is not
 * one of the cloud's, and for an unreadable CA.
 */
export function createKeyVault(options: KeyVaultOptions): KeyVault {
  const address = checkVaultUri(options.uri, options.cloud);
  if (address.kind === "refused") throw new KeyferryError("config-invalid", address.why);
  const tenant = checkTenantId(options.credential.tenantId);
  if (tenant.kind === "refused") throw new KeyferryError("config-invalid", tenant.why);
  const { vaultSuffix, authorityHost } = AZURE_CLOUDS[address.cloud];
  const connection = { caFile: options.caFile, ca: options.ca, emulator: options.emulator };
  const vaultAgent = createAgent({ ...connection, maxSockets: options.maxSockets ?? SOCKETS_MAX });
  const authorityAgent = createAgent({ ...connection, maxSockets: AUTHORITY_SOCKETS_MAX });
  const transport = new Transport(vaultAgent, options.requestTimeoutMs);
  const credential = createCredential(options.credential, {
    authorityHost: checkAuthority(options.authorityHost ?? authorityHost),
    transport: new Transport(authorityAgent, options.requestTimeoutMs),
    instanceDiscovery: options.emulator === undefined,
  });
  const client = new SecretClient(`https://${address.vaultHost}`, credential, {
    serviceVersion: API_VERSION,
    httpClient: transport,
    retryOptions: { maxRetries: 0 },
    redirectOptions: { maxRetries: 0 },
    disableChallengeResourceVerification: false,
  });
  const thin = new ThinCalls({
    vaultHost: address.vaultHost,
    scope: `https://${vaultSuffix}/.default`,
    apiVersion: API_VERSION,
    credential,
    transport,
  });
  const { logger, clock } = options;
  const closeSockets = (): void => {
    vaultAgent.destroy();
    authorityAgent.destroy();
  };
  return new AzureKeyVault({ vaultHost: address.vaultHost, client, thin, logger, clock, closeSockets });
}

function checkAuthority(host: string): string {
  const url = URL.canParse(host) ? new URL(host) : undefined;
  const legal =
    url?.protocol === "https:" && url.username === "" && url.password === "" && url.pathname === "/";
  if (!legal) throw new KeyferryError("config-invalid", "authorityHost is not of the form https://HOST");
  return url.origin;
}
