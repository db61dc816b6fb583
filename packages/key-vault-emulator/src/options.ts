// Owns: what can be chosen at the start, the defaults, and the check of both. Resolved once; nothing else has defaults.
import type { Access } from "./access/access.ts";
import { resolvePrincipal } from "./entra/principals.ts";
import type { Principal, PrincipalOptions } from "./entra/principals.ts";
import { AZURE_LIMITS } from "./limits/rate-limits.ts";
import type { LimitPolicy } from "./limits/rate-limits.ts";
import { SOFT_DELETE_PRESETS } from "./soft-delete/lifecycle.ts";
import type { SoftDeleteDelays } from "./soft-delete/lifecycle.ts";
import type { VaultSettings } from "./store/vault.ts";
import { API_VERSIONS } from "./wire/query.ts";
import { AZURE_SIZES } from "./wire/secret-body.ts";
import type { SizeLimits } from "./wire/secret-body.ts";

/** The tenant, client and client secret that are taken where no principals are given. They protect nothing. */
export const DEFAULT_TENANT_ID = "6f2c1b8e-3a54-4d0c-9c1e-7b5d0a9e4f21";
export const DEFAULT_CLIENT_ID = "0b9d7c52-8e1f-4a36-b7c4-2f6a1d3e5c88";
export const DEFAULT_CLIENT_SECRET = "emulator-client-secret";

export interface VaultOptions {
  /** Days a deleted secret is kept, 7 to 90. Default 90. */
  readonly retentionDays?: number;
  /** Purge answers 403. Default false. */
  readonly purgeProtection?: boolean;
  /** Vaults of one group share the limits of a subscription and region. Default: all vaults are one group. */
  readonly rateGroup?: string;
  /** `closed`: every call is refused with `ForbiddenByFirewall`. Default `open`. */
  readonly firewall?: "open" | "closed";
}

export interface GrantOptions extends PrincipalOptions {
  /** What the principal may do in all vaults. Default: everything. */
  readonly access?: Access;
  /** What it may do in single vaults, in place of `access`. */
  readonly accessByVault?: Readonly<Record<string, Access>>;
}

export interface KeyVaultEmulatorOptions {
  /** The address to listen on. Default 127.0.0.1; the control API is open to whoever can reach it. */
  readonly host?: string;
  /** Default 0: a free one. */
  readonly port?: number;
  /** More DNS names for the certificate, and for the authority and the control API (a container's name). */
  readonly hostNames?: readonly string[];
  /** Default `vault.azure.net`; also the audience of tokens: `https://{vaultSuffix}`. */
  readonly vaultSuffix?: string;
  /** The vaults there are. Default: every name is a vault, made on first use. */
  readonly vaults?: readonly string[] | Readonly<Record<string, VaultOptions>>;
  /** Settings of vaults that say nothing else. */
  readonly vaultDefaults?: VaultOptions;
  /** The tenant of the vaults. Default `DEFAULT_TENANT_ID`. */
  readonly tenantId?: string;
  /** Who gets tokens. Default: one principal with `DEFAULT_CLIENT_ID` and `DEFAULT_CLIENT_SECRET`, allowed everything. */
  readonly principals?: readonly GrantOptions[];
  /** Default 3,599, as Entra gives. */
  readonly tokenLifetimeSeconds?: number;
  /** Default `azure`; single figures replace Azure's. */
  readonly limits?: "azure" | "off" | Partial<LimitPolicy>;
  /** Default `azure`; single figures replace those of the preset. */
  readonly softDelete?: keyof typeof SOFT_DELETE_PRESETS | Partial<SoftDeleteDelays>;
  /** Default: all stable ones from 7.0 to 2026-04-01. */
  readonly apiVersions?: readonly string[];
  /** Default: as documented, with 512 characters for tags. */
  readonly sizes?: Partial<SizeLimits>;
  /** Shown in `x-ms-keyvault-region`. Default `westeurope`. */
  readonly region?: string;
  /** Where the challenge says tokens come from; clients take the tenant from it. Default `https://login.windows.net`. */
  readonly challengeAuthority?: string;
  /** Where the authority's certificate (PEM) is written. Default: a temporary file, removed at the end. */
  readonly caFile?: string;
  /** Keeps the vaults, values included, over restarts. Default: memory only. */
  readonly stateFile?: string;
  /** A port for the managed-identity endpoint over plain http, which that protocol uses. Default: none. */
  readonly managedIdentityPort?: number;
  /** Starts with time standing still. Default false. */
  readonly frozenClock?: boolean;
  /** Records kept in each of the oracle's logs. Default 200,000. */
  readonly logRecordsMax?: number;
}

export interface ResolvedOptions {
  readonly host: string;
  readonly port: number;
  readonly hostNames: readonly string[];
  readonly vaultSuffix: string;
  /** Undefined: every name is a vault. */
  readonly vaults: ReadonlyMap<string, VaultOptions> | undefined;
  readonly vaultDefaults: VaultOptions;
  readonly tenantId: string;
  readonly principals: readonly Principal[];
  readonly grants: readonly GrantOptions[];
  readonly tokenLifetimeSeconds: number;
  readonly limits: LimitPolicy | "off";
  readonly delays: SoftDeleteDelays;
  readonly apiVersions: readonly string[];
  readonly sizes: SizeLimits;
  readonly region: string;
  readonly challengeAuthority: string;
  readonly caFile: string | undefined;
  readonly stateFile: string | undefined;
  readonly managedIdentityPort: number | undefined;
  readonly frozenClock: boolean;
  readonly logRecordsMax: number;
}

/** 3 to 24 letters, digits and dashes, starting with a letter. */
export const VAULT_NAME = /^[a-z][0-9a-z-]{2,23}$/;

/** Fills in the defaults. Throws a RangeError that lists every option that cannot be. */
export function resolveOptions(options: KeyVaultEmulatorOptions): ResolvedOptions {
  const tenantId = options.tenantId ?? DEFAULT_TENANT_ID;
  const grants = options.principals ?? [{ clientId: DEFAULT_CLIENT_ID, clientSecret: DEFAULT_CLIENT_SECRET }];
  const resolved: ResolvedOptions = {
    host: options.host ?? "127.0.0.1",
    port: options.port ?? 0,
    hostNames: options.hostNames ?? [],
    vaultSuffix: options.vaultSuffix ?? "vault.azure.net",
    vaults: resolveVaults(options.vaults),
    vaultDefaults: options.vaultDefaults ?? {},
    tenantId,
    principals: grants.map((grant) => resolvePrincipal(grant, tenantId)),
    grants,
    tokenLifetimeSeconds: options.tokenLifetimeSeconds ?? 3_599,
    limits: resolveLimits(options.limits),
    delays: resolveDelays(options.softDelete),
    apiVersions: options.apiVersions ?? API_VERSIONS,
    sizes: { ...AZURE_SIZES, ...options.sizes },
    region: options.region ?? "westeurope",
    challengeAuthority: options.challengeAuthority ?? "https://login.windows.net",
    caFile: options.caFile,
    stateFile: options.stateFile,
    managedIdentityPort: options.managedIdentityPort,
    frozenClock: options.frozenClock ?? false,
    logRecordsMax: options.logRecordsMax ?? 200_000,
  };
  const faults = findFaults(resolved);
  if (faults.length > 0) throw new RangeError(`key vault emulator options: ${faults.join("; ")}`);
  return resolved;
}

/** Limits from what was chosen. */
export function resolveLimits(limits: KeyVaultEmulatorOptions["limits"]): LimitPolicy | "off" {
  if (limits === "off") return "off";
  return limits === undefined || limits === "azure" ? AZURE_LIMITS : { ...AZURE_LIMITS, ...limits };
}

/** Delays from what was chosen. */
export function resolveDelays(softDelete: KeyVaultEmulatorOptions["softDelete"]): SoftDeleteDelays {
  if (typeof softDelete === "string") return SOFT_DELETE_PRESETS[softDelete];
  return { ...SOFT_DELETE_PRESETS.azure, ...softDelete };
}

/** A vault's settings: its own, then the defaults, then Azure's. */
export function vaultSettings(options: ResolvedOptions, name: string): VaultSettings {
  const chosen = { ...options.vaultDefaults, ...options.vaults?.get(name) };
  return {
    retentionDays: chosen.retentionDays ?? 90,
    purgeProtection: chosen.purgeProtection ?? false,
    rateGroup: chosen.rateGroup ?? "default",
  };
}

function resolveVaults(
  vaults: KeyVaultEmulatorOptions["vaults"],
): ReadonlyMap<string, VaultOptions> | undefined {
  if (vaults === undefined) return undefined;
  const entries: [string, VaultOptions][] = isNameList(vaults)
    ? vaults.map((name) => [name, {}])
    : Object.entries(vaults);
  return new Map(entries.map(([name, settings]) => [name.toLowerCase(), settings]));
}

function isNameList(vaults: NonNullable<KeyVaultEmulatorOptions["vaults"]>): vaults is readonly string[] {
  return Array.isArray(vaults);
}

function findFaults(options: ResolvedOptions): string[] {
  const faults: string[] = [];
  const expect = (holds: boolean, fault: string): void => {
    if (!holds) faults.push(fault);
  };
  expect(isPort(options.port), "port is 0 to 65535");
  expect(
    options.managedIdentityPort === undefined || isPort(options.managedIdentityPort),
    "managedIdentityPort is 0 to 65535",
  );
  expect(options.principals.length > 0, "principals needs at least one");
  expect(
    Number.isSafeInteger(options.logRecordsMax) && options.logRecordsMax > 0,
    "logRecordsMax is at least 1",
  );
  expect(Number.isSafeInteger(options.tokenLifetimeSeconds), "tokenLifetimeSeconds is a whole number");
  for (const [name, ms] of Object.entries(options.delays)) {
    expect(Number.isFinite(ms) && ms >= 0, `softDelete.${name} is a number of milliseconds, at least 0`);
  }
  const names = [...(options.vaults?.keys() ?? [])];
  for (const name of names) expect(VAULT_NAME.test(name), `${JSON.stringify(name)} is not a vault name`);
  for (const settings of [options.vaultDefaults, ...(options.vaults?.values() ?? [])]) {
    const days = settings.retentionDays ?? 90;
    expect(Number.isSafeInteger(days) && days >= 7 && days <= 90, "retentionDays is 7 to 90");
  }
  faults.push(...limitFaults(options.limits));
  return faults;
}

/** What is wrong with limits; nothing where they can be put in force. */
export function limitFaults(policy: LimitPolicy | "off"): string[] {
  if (policy === "off") return [];
  const faults: string[] = [];
  for (const key of ["vaultCreates", "vaultOthers", "groupCreates", "groupOthers"] as const) {
    const calls = policy[key];
    if (!Number.isSafeInteger(calls) || calls < 0 || calls > 1_000_000)
      faults.push(`limits.${key} is 0 to 1,000,000`);
  }
  if (!(policy.windowMs > 0)) faults.push("limits.windowMs is more than 0");
  if (policy.shape !== "sliding" && policy.shape !== "fixed") faults.push("limits.shape is sliding or fixed");
  if (typeof policy.countRejected !== "boolean") faults.push("limits.countRejected is true or false");
  const retryAfter = policy.retryAfterSeconds;
  if (retryAfter !== undefined && !(Number.isSafeInteger(retryAfter) && retryAfter >= 0)) {
    faults.push("limits.retryAfterSeconds is a whole number, at least 0");
  }
  return faults;
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 0 && port <= 65_535;
}
