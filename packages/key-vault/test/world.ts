// A vault on the emulator, reached as a real one is: by its own name, without a port, with every check on.
import {
  DEFAULT_CLIENT_ID,
  DEFAULT_CLIENT_SECRET,
  DEFAULT_TENANT_ID,
  type KeyVaultEmulator,
  type KeyVaultEmulatorOptions,
} from "@keyferry/key-vault-emulator";
import { type Logger, SecretValue, silentLogger, systemClock } from "@keyferry/ports";
import { startKeyVault } from "@keyferry/testkit";
import { type AzureCredential, createKeyVault, type KeyVault, type KeyVaultOptions } from "../src/index.ts";

export const VAULT = "kv-adapter";
export const AUTHORITY_NAME = "login.microsoftonline.com";

export interface World extends AsyncDisposable {
  readonly emulator: KeyVaultEmulator;
  readonly vault: KeyVault;
  /** Another client of the same vault. */
  connect(overrides?: Partial<KeyVaultOptions>): KeyVault;
}

export async function startWorld(options: KeyVaultEmulatorOptions = {}): Promise<World> {
  const emulator = await startKeyVault({
    softDelete: "instant",
    limits: "off",
    hostNames: [AUTHORITY_NAME],
    ...options,
  });
  const open: KeyVault[] = [];
  const connect = (overrides: Partial<KeyVaultOptions> = {}): KeyVault => {
    const vault = createKeyVault({ ...optionsFor(emulator), ...overrides });
    open.push(vault);
    return vault;
  };
  return {
    emulator,
    vault: connect(),
    connect,
    async [Symbol.asyncDispose]() {
      for (const vault of open) await vault.close();
      await emulator.close();
    },
  };
}

export interface SecretOptions extends KeyVaultOptions {
  readonly credential: Extract<AzureCredential, { kind: "client-secret" }>;
}

export function optionsFor(emulator: KeyVaultEmulator, logger: Logger = silentLogger): SecretOptions {
  return {
    uri: `https://${VAULT}.vault.azure.net`,
    credential: {
      kind: "client-secret",
      tenantId: DEFAULT_TENANT_ID,
      clientId: DEFAULT_CLIENT_ID,
      clientSecret: new SecretValue(DEFAULT_CLIENT_SECRET),
    },
    ca: emulator.caPem,
    emulator: { address: `127.0.0.1:${emulator.port}` },
    requestTimeoutMs: 10_000,
    logger,
    clock: systemClock,
  };
}

/** A call that nobody aborts. */
export function call(): { signal: AbortSignal } {
  return { signal: new AbortController().signal };
}

/** What a promise rejected with; fails if it did not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it was expected to fail");
}
