// Owns: how the parts of one vault's client fit together, and which addresses it may have.
import { Agent as PlainAgent } from "node:http";
import type { TokenCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";
import type { NetworkRules } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import { AZURE_CLOUDS, checkTenantId, checkVaultUri } from "@keyferry/naming";
import type { Clock, Logger } from "@keyferry/ports";
import { guardedLookup } from "./address-guard.ts";
import { createAgent } from "./connection.ts";
import { type AzureCredential, createCredential } from "./credential.ts";
import { AzureKeyVault } from "./azure-key-vault.ts";
import type { KeyVault } from "./key-vault.ts";
import { ThinCalls } from "./thin-calls.ts";
import { type OnAnswer, Transport } from "./transport.ts";

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
  /** Which addresses the vault's name may lead to; absent: strict, as Vault is. */
  readonly network?: NetworkRules | undefined;
  /** Of each request. A call can make three: a handshake, a token, the call itself. */
  readonly requestTimeoutMs: number;
  readonly maxSockets?: number | undefined;
  readonly onAnswer?: OnAnswer | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

// Not the newest on purpose: secrets have hardly changed since, and sovereign clouds lag (reference 1).
const API_VERSION = "7.6";
// 30 creates/s at 100 ms want 3 to 5 (reference 5.5); this leaves room for look-ups and slow answers.
const SOCKETS_MAX = 32;
const AUTHORITY_SOCKETS_MAX = 2; // tokens are fetched in a single flight

export const HTTPS_PORT = 443;

/** What a client is made of. */
export interface KeyVaultParts {
  readonly address: { readonly vaultHost: string; readonly scope: string };
  readonly credential: TokenCredential;
  readonly transport: Transport;
  readonly vault: KeyVault;
}

/**
 * A client of one Key Vault. Connects at the first call. Throws `config-invalid` for an address or a tenant that is not
 * one of the cloud's, and for an unreadable CA.
 */
export function createKeyVault(options: KeyVaultOptions): KeyVault {
  return assembleKeyVault(options).vault;
}

/** The same, with its parts for the connection check. */
export function assembleKeyVault(options: KeyVaultOptions): KeyVaultParts {
  const address = checkVaultUri(options.uri, options.cloud);
  if (address.kind === "refused") throw new KeyferryError("config-invalid", address.why);
  const tenant = checkTenantId(options.credential.tenantId);
  if (tenant.kind === "refused") throw new KeyferryError("config-invalid", tenant.why);
  const { vaultHost } = address;
  const scope = `https://${AZURE_CLOUDS[address.cloud].vaultSuffix}/.default`;
  const connection = { caFile: options.caFile, ca: options.ca, emulator: options.emulator };
  const vaultAgent = createAgent({
    ...connection,
    maxSockets: options.maxSockets ?? SOCKETS_MAX,
    lookup: guardedLookup(options.network, HTTPS_PORT),
  });
  const transport = new Transport(vaultAgent, options.requestTimeoutMs, undefined, options.onAnswer);
  const identity = createIdentity(options, AZURE_CLOUDS[address.cloud].authorityHost);
  const { credential } = identity;
  const client = new SecretClient(`https://${vaultHost}`, credential, {
    serviceVersion: API_VERSION,
    httpClient: transport,
    retryOptions: { maxRetries: 0 },
    redirectOptions: { maxRetries: 0 },
    disableChallengeResourceVerification: false,
  });
  const thin = new ThinCalls({ vaultHost, scope, apiVersion: API_VERSION, credential, transport });
  const { logger, clock } = options;
  const closeSockets = (): void => {
    vaultAgent.destroy();
    identity.close();
  };
  const vault = new AzureKeyVault({ vaultHost, client, thin, logger, clock, closeSockets });
  return { address: { vaultHost, scope }, credential, transport, vault };
}

/** The credential with connections of its own. */
function createIdentity(
  options: KeyVaultOptions,
  cloudsAuthority: string,
): { credential: TokenCredential; close: () => void } {
  const { authorityHost, caFile, ca, emulator, requestTimeoutMs } = options;
  const agent = createAgent({
    caFile,
    ca,
    emulator,
    maxSockets: AUTHORITY_SOCKETS_MAX,
    // One that the server's configuration names may be anywhere.
    ...(authorityHost === undefined ? { lookup: guardedLookup(options.network, HTTPS_PORT) } : {}),
  });
  // The endpoint of managed identities is on this machine and speaks http; nothing else of ours may.
  const plain =
    options.credential.kind === "managed-identity" ? new PlainAgent({ keepAlive: false }) : undefined;
  const credential = createCredential(options.credential, {
    authorityHost: checkAuthority(authorityHost ?? cloudsAuthority),
    transport: new Transport(agent, requestTimeoutMs, plain),
    instanceDiscovery: emulator === undefined,
  });
  return {
    credential,
    close() {
      agent.destroy();
      plain?.destroy();
    },
  };
}

function checkAuthority(host: string): string {
  const url = URL.canParse(host) ? new URL(host) : undefined;
  const legal =
    url?.protocol === "https:" && url.username === "" && url.password === "" && url.pathname === "/";
  if (!legal) throw new KeyferryError("config-invalid", "authorityHost is not of the form https://HOST");
  return url.origin;
}
