// Owns: what the command line says, as options of the emulator. Pure: reading a file is passed in.
import { Command, InvalidArgumentError } from "commander";
import type { GrantOptions, KeyVaultEmulatorOptions } from "./options.ts";
import { DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET } from "./options.ts";
import type { LimitPolicy } from "./limits/rate-limits.ts";
import { SOFT_DELETE_PRESETS } from "./soft-delete/lifecycle.ts";
import type { SoftDeleteDelays } from "./soft-delete/lifecycle.ts";

export interface Arguments {
  readonly options: KeyVaultEmulatorOptions;
  readonly readyFile: string | undefined;
}

interface Parsed {
  readonly config?: string;
  readonly host?: string;
  readonly port?: number;
  readonly hostName?: readonly string[];
  readonly vault?: readonly string[];
  readonly suffix?: string;
  readonly tenant?: string;
  readonly clientId?: string;
  readonly clientSecret?: string;
  readonly limits?: NonNullable<KeyVaultEmulatorOptions["limits"]>;
  readonly window?: "sliding" | "fixed";
  readonly countRejected?: boolean;
  readonly retryAfter?: number;
  readonly softDelete?: NonNullable<KeyVaultEmulatorOptions["softDelete"]>;
  readonly retentionDays?: number;
  readonly purgeProtection?: boolean;
  readonly region?: string;
  readonly caFile?: string;
  readonly stateFile?: string;
  readonly readyFile?: string;
  readonly managedIdentityPort?: number;
}

/** Reads the command line; `readFile` gives the text of the file named by `--config`. */
export function readArguments(argv: readonly string[], readFile: (path: string) => string): Arguments {
  const parsed = makeCommand()
    .parse([...argv])
    .opts<Parsed>();
  const fromFile: KeyVaultEmulatorOptions =
    parsed.config === undefined ? {} : readConfig(readFile(parsed.config));
  const options: KeyVaultEmulatorOptions = {
    ...fromFile,
    ...given({
      host: parsed.host,
      port: parsed.port,
      hostNames: parsed.hostName,
      vaults: parsed.vault,
      vaultSuffix: parsed.suffix,
      tenantId: parsed.tenant,
      principals: principals(parsed),
      limits: limits(parsed, fromFile.limits),
      softDelete: parsed.softDelete,
      vaultDefaults: { ...fromFile.vaultDefaults, ...vaultDefaults(parsed) },
      region: parsed.region,
      caFile: parsed.caFile,
      stateFile: parsed.stateFile,
      managedIdentityPort: parsed.managedIdentityPort,
    }),
  };
  return { options, readyFile: parsed.readyFile };
}

function makeCommand(): Command {
  return new Command("keyferry-keyvault")
    .description("An Azure Key Vault (secrets) emulator that behaves as Azure does")
    .option("--config <file>", "all options of the emulator as JSON; the command line goes before it")
    .option("--host <address>", "the address to listen on (default 127.0.0.1)")
    .option("--port <number>", "the port (default 0: a free one)", wholeNumber)
    .option("--host-name <name>", "one more DNS name for the certificate; may be repeated", collect)
    .option("--vault <name>", "a vault there is; may be repeated (default: every name is a vault)", collect)
    .option("--suffix <dns suffix>", "in place of vault.azure.net")
    .option("--tenant <id>", "the tenant of the vaults")
    .option("--client-id <id>", "the principal that gets tokens")
    .option("--client-secret <text>", "its client secret")
    .option("--limits <which>", "azure, off, or creates,others per 10 s and vault", readLimits)
    .option("--window <shape>", "sliding or fixed (default sliding)", readShape)
    .option("--count-rejected", "calls that got a 429 use up room too")
    .option("--retry-after <seconds>", "send Retry-After with a 429 (Azure seems not to)", wholeNumber)
    .option(
      "--soft-delete <which>",
      "azure, instant, hostile, or deleting,readable,writable,purging in ms",
      readDelays,
    )
    .option("--retention-days <days>", "7 to 90 (default 90)", wholeNumber)
    .option("--purge-protection", "refuse to purge")
    .option("--region <name>", "shown in the answers' headers")
    .option("--ca-file <file>", "where the authority's certificate is written")
    .option("--state-file <file>", "keep the vaults, values included, over restarts")
    .option("--ready-file <file>", "written when up: JSON with port, caFile, controlUrl, authorityHost")
    .option(
      "--managed-identity-port <port>",
      "serve the managed-identity endpoint over plain http",
      wholeNumber,
    );
}

function principals(parsed: Parsed): readonly GrantOptions[] | undefined {
  if (parsed.clientId === undefined && parsed.clientSecret === undefined) return undefined;
  const clientId = parsed.clientId ?? DEFAULT_CLIENT_ID;
  return [{ clientId, clientSecret: parsed.clientSecret ?? DEFAULT_CLIENT_SECRET }];
}

function limits(
  parsed: Parsed,
  fromFile: KeyVaultEmulatorOptions["limits"],
): NonNullable<KeyVaultEmulatorOptions["limits"]> | undefined {
  const base = parsed.limits ?? fromFile;
  const shape: Partial<LimitPolicy> = given({
    shape: parsed.window,
    countRejected: parsed.countRejected,
    retryAfterSeconds: parsed.retryAfter,
  });
  if (base === "off" || Object.keys(shape).length === 0) return base;
  return { ...(typeof base === "object" ? base : {}), ...shape };
}

function vaultDefaults(parsed: Parsed): NonNullable<KeyVaultEmulatorOptions["vaultDefaults"]> {
  return given({ retentionDays: parsed.retentionDays, purgeProtection: parsed.purgeProtection });
}

function readConfig(text: string): KeyVaultEmulatorOptions {
  const json: unknown = JSON.parse(text);
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw new RangeError("--config holds an object");
  return json;
}

function readLimits(value: string): NonNullable<KeyVaultEmulatorOptions["limits"]> {
  if (value === "azure" || value === "off") return value;
  const [creates, others] = numberList(value, 2);
  if (creates === undefined || others === undefined)
    throw new InvalidArgumentError("azure, off, or creates,others");
  // The documented ratio between a subscription and a vault.
  return { vaultCreates: creates, vaultOthers: others, groupCreates: creates * 5, groupOthers: others * 5 };
}

function readShape(value: string): "sliding" | "fixed" {
  if (value === "sliding" || value === "fixed") return value;
  throw new InvalidArgumentError("sliding or fixed");
}

function readDelays(value: string): NonNullable<KeyVaultEmulatorOptions["softDelete"]> {
  if (isPreset(value)) return value;
  const [deletingMs, recoverReadableMs, recoverWritableMs, purgingMs] = numberList(value, 4);
  if (
    deletingMs === undefined ||
    recoverReadableMs === undefined ||
    recoverWritableMs === undefined ||
    purgingMs === undefined
  ) {
    throw new InvalidArgumentError("azure, instant, hostile, or four numbers of milliseconds");
  }
  return { deletingMs, recoverReadableMs, recoverWritableMs, purgingMs } satisfies SoftDeleteDelays;
}

function isPreset(value: string): value is keyof typeof SOFT_DELETE_PRESETS {
  return Object.hasOwn(SOFT_DELETE_PRESETS, value);
}

function numberList(value: string, length: number): number[] {
  const numbers = value.split(",").map(wholeNumber);
  return numbers.length === length ? numbers : [];
}

function wholeNumber(value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw new InvalidArgumentError("a whole number is needed");
  return Number(value);
}

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

type Given<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

/** The same without what is undefined, so that a spread does not overwrite with nothing. */
function given<T extends object>(values: T): Given<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Given<T>;
}
