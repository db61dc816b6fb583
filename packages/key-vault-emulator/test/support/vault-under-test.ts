// Owns: the vault that the conformance suite talks to: the emulator, or with TEST_VAULT_URL a real one (then
// AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET say who asks, AZURE_AUTHORITY_HOST where, and
// TEST_VAULT_PRIVATE_AUTHORITY=1 that this authority is none of the public clouds).
// Cases say what they need beyond a vault and the usual rights; what a real vault can't give is not registered there,
// so nothing is ever skipped:
//   control   the emulator's clock, faults, limits, grants or oracle
//   minutes   the time of a real soft delete            TEST_VAULT_SLOW=1
//   purge     the right to purge                        TEST_VAULT_PURGE=1
import { randomBytes } from "node:crypto";
import { globalAgent } from "node:https";
import type { Agent } from "node:https";
import { ClientSecretCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";
import type { SecretClientOptions } from "@azure/keyvault-secrets";
import { afterAll, beforeAll, vi } from "vitest";
import {
  DEFAULT_CLIENT_ID,
  DEFAULT_CLIENT_SECRET,
  DEFAULT_TENANT_ID,
  startKeyVaultEmulator,
} from "../../src/index.ts";
import type { KeyVaultEmulator, KeyVaultEmulatorOptions } from "../../src/index.ts";
import { loopbackAgent, sendRaw } from "./https-client.ts";
import type { RawAnswer } from "./https-client.ts";

export type Need = "control" | "minutes" | "purge";

const REAL_URL = process.env["TEST_VAULT_URL"];

const AVAILABLE: ReadonlySet<Need> = new Set<Need>(
  REAL_URL === undefined || REAL_URL === ""
    ? ["control", "minutes", "purge"]
    : [
        ...(process.env["TEST_VAULT_SLOW"] === "1" ? (["minutes"] as const) : []),
        ...(process.env["TEST_VAULT_PURGE"] === "1" ? (["purge"] as const) : []),
      ],
);

/** The stable version that both SDK lines and all clouds should know. */
export const API_VERSION = "7.6";

/** Users report up to 129 s until a recovered secret can be set again. */
const RECOVERY = { timeout: 180_000, interval: 3_000 };

/** For `test.each`: one round where all needs can be met, none (so no test) where one cannot. */
export function needs(...all: readonly Need[]): readonly (readonly Need[])[] {
  return all.every((need) => AVAILABLE.has(need)) ? [all] : [];
}

export interface RawCall {
  readonly body?: unknown;
  /** The body as text, in place of `body`. */
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Undefined: a valid one; `null`: none. */
  readonly token?: string | null;
  /** Another vault than the usual one (emulator only). */
  readonly vault?: string;
  /** Leaves the api-version away. */
  readonly noVersion?: boolean;
}

/** The vault of one test file. */
export class VaultUnderTest {
  readonly #options: KeyVaultEmulatorOptions;
  readonly #run = randomBytes(4).toString("hex");
  readonly #names = new Set<string>();
  #emulator: KeyVaultEmulator | undefined;
  #agent: Agent | undefined;
  #token: string | undefined;
  #nextName = 1;

  constructor(options: KeyVaultEmulatorOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    if (REAL_URL === undefined || REAL_URL === "") {
      this.#emulator = await startKeyVaultEmulator(this.#options);
      this.#agent = loopbackAgent(this.#emulator.caPem);
    }
    await this.renewToken();
  }

  /** Gets another token for bare requests. */
  async renewToken(): Promise<void> {
    this.#token = (await this.credential().getToken("https://vault.azure.net/.default")).token;
  }

  async stop(): Promise<void> {
    if (this.#emulator === undefined) await this.#deleteAll();
    this.#agent?.destroy();
    await this.#emulator?.close();
  }

  /** The emulator, for cases that need `control`. */
  get emulator(): KeyVaultEmulator {
    if (this.#emulator === undefined) throw new Error("this case needs control of the emulator");
    return this.#emulator;
  }

  get agent(): Agent | undefined {
    return this.#agent;
  }

  url(vault = "conformance"): string {
    return this.#emulator?.vaultUrl(vault) ?? (REAL_URL ?? "").replace(/\/+$/, "");
  }

  /** A credential that goes the whole way to the token endpoint. */
  credential(clientId = DEFAULT_CLIENT_ID, clientSecret = DEFAULT_CLIENT_SECRET): ClientSecretCredential {
    if (this.#emulator === undefined) {
      const read = (name: string): string => process.env[name] ?? "";
      const [tenant, client, secret] = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"].map(
        read,
      );
      // Authorities outside the public clouds are not known to Microsoft's instance discovery.
      const disableInstanceDiscovery = process.env["TEST_VAULT_PRIVATE_AUTHORITY"] === "1";
      return new ClientSecretCredential(tenant ?? "", client ?? "", secret ?? "", {
        disableInstanceDiscovery,
      });
    }
    return new ClientSecretCredential(DEFAULT_TENANT_ID, clientId, clientSecret, this.identityOptions());
  }

  /** What points any credential of the identity package at the emulator. */
  identityOptions(): {
    authorityHost: string;
    disableInstanceDiscovery: boolean;
    tlsOptions: { ca: string };
  } {
    const { authorityHost, caPem } = this.emulator;
    return { authorityHost, disableInstanceDiscovery: true, tlsOptions: { ca: caPem } };
  }

  /** A client with challenge verification on and without retries: each call is one call. */
  client(vault?: string, more: SecretClientOptions = {}, credential = this.credential()): SecretClient {
    const agent = this.#agent === undefined ? {} : { agent: this.#agent };
    return new SecretClient(this.url(vault), credential, {
      retryOptions: { maxRetries: 0 },
      ...agent,
      ...more,
    });
  }

  /** A bare request; `path` may have a query of its own. */
  raw(method: string, path: string, call: RawCall = {}): Promise<RawAnswer> {
    const token = call.token === undefined ? this.#token : call.token;
    const separator = path.includes("?") ? "&" : "?";
    const target = call.noVersion === true ? path : `${path}${separator}api-version=${API_VERSION}`;
    const body = call.text ?? (call.body === undefined ? undefined : JSON.stringify(call.body));
    return sendRaw(this.#agent ?? globalAgent, {
      method,
      url: `${this.url(call.vault)}${target}`,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...call.headers,
      },
      ...(body === undefined ? {} : { body }),
    });
  }

  /** A name that no other case uses. */
  freshName(topic: string): string {
    const name = `conf-${this.#run}-${topic}-${this.#nextName}`;
    this.#nextName += 1;
    this.#names.add(name);
    return name;
  }

  /** Deletes and waits until the secret shows as deleted: by the clock in the emulator, by polling elsewhere. */
  async deleted(client: SecretClient, name: string): Promise<void> {
    const poller = await client.beginDeleteSecret(name);
    if (this.#emulator === undefined) await poller.pollUntilDone();
    else this.#emulator.clock.advance(5_000);
  }

  /** Recovers and waits until it can be written again. */
  async recovered(client: SecretClient, name: string): Promise<void> {
    const poller = await client.beginRecoverDeletedSecret(name);
    if (this.#emulator !== undefined) {
      this.#emulator.clock.advance(10_000);
      return;
    }
    await poller.pollUntilDone();
    // A get that works does not mean that a write does: only a write tells.
    await vi.waitFor(() => client.updateSecretProperties(name, "", {}), RECOVERY);
  }

  async #deleteAll(): Promise<void> {
    const client = this.client();
    for (const name of this.#names) await client.beginDeleteSecret(name).catch(() => undefined);
  }
}

/** A vault for the tests of one file, started before them and stopped after. */
export function vaultUnderTest(options: KeyVaultEmulatorOptions = {}): VaultUnderTest {
  const vault = new VaultUnderTest({ limits: "off", ...options });
  beforeAll(() => vault.start());
  afterAll(() => vault.stop());
  return vault;
}
