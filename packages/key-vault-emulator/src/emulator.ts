// Owns: one running emulator: its parts, its start and its end.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AccessRules } from "./access/access.ts";
import { VirtualClock } from "./clock/virtual-clock.ts";
import { Tokens } from "./entra/tokens.ts";
import { Estate } from "./estate/estate.ts";
import { applySnapshot, readSnapshot, takeSnapshot } from "./estate/snapshot.ts";
import type { EmulatorSnapshot } from "./estate/snapshot.ts";
import { StateFile } from "./estate/state-file.ts";
import { viewVault } from "./estate/state-view.ts";
import type { SecretView } from "./estate/state-view.ts";
import { FaultInjector } from "./faults/rules.ts";
import { RateLimits } from "./limits/rate-limits.ts";
import type { Bucket } from "./limits/rate-limits.ts";
import { Oracle } from "./oracle/oracle.ts";
import { resolveOptions } from "./options.ts";
import type { KeyVaultEmulatorOptions, ResolvedOptions } from "./options.ts";
import { storeManaged } from "./secrets/write.ts";
import { listen, makeManagedIdentityServer, makeServer, shut } from "./server/listener.ts";
import type { Parts } from "./server/parts.ts";
import { makeServerCertificate } from "./tls/certificates.ts";

// Entra's hosts of the clouds: a client whose connections are led here asks for its tokens under these names.
const AUTHORITY_NAMES = [
  "login.microsoftonline.com",
  "login.microsoftonline.us",
  "login.chinacloudapi.cn",
  "login.windows.net",
];

export interface KeyVaultEmulator extends AsyncDisposable {
  readonly port: number;
  /** The certificate of the authority that signed the server's, PEM. */
  readonly caPem: string;
  readonly caFile: string;
  /** `https://{name}.vault.azure.net:{port}`; resolve that host to the emulator's address. */
  vaultUrl(name: string): string;
  /** For credentials: `https://localhost:{port}`. */
  readonly authorityHost: string;
  /** `https://localhost:{port}/_emulator`. */
  readonly controlUrl: string;
  /** Over plain http; undefined where no `managedIdentityPort` was asked for. */
  readonly managedIdentityUrl: string | undefined;
  readonly tenantId: string;
  readonly oracle: Oracle;
  readonly faults: FaultInjector;
  readonly clock: VirtualClock;
  readonly limits: RateLimits;
  readonly access: AccessRules;
  /** The secrets of a vault with phases, versions, tags and digests; values only with `reveal`. */
  state(vault: string, view?: { readonly reveal?: boolean }): readonly SecretView[];
  /** Changes the delays of what is deleted, recovered and purged from now on. */
  setSoftDelete(delays: NonNullable<KeyVaultEmulatorOptions["softDelete"]>): void;
  /** Uses up room of a vault's limits as another client would. */
  consume(vault: string, bucket: Bucket, calls: number): void;
  /** Puts a `managed` secret, as a certificate has one. */
  putManaged(vault: string, name: string, value?: string): void;
  /** A token without the token endpoint: of the first principal, for the vaults, unless told otherwise. */
  issueToken(wish?: { clientId?: string; audience?: string; expiresInSeconds?: number }): string;
  /** Makes all tokens given so far invalid. */
  revokeTokens(): void;
  /** All that the vaults hold, values included. */
  snapshot(): EmulatorSnapshot;
  /** Replaces all that the vaults hold. */
  restore(snapshot: EmulatorSnapshot): void;
  /** Empties vaults, log, faults and limits. */
  reset(): void;
  /** Errors of our own, which no input should cause. */
  readonly defects: readonly unknown[];
  close(): Promise<void>;
}

/** Starts an emulator in this process. Throws for options that cannot be, a port in use, a state file that is none. */
export async function startKeyVaultEmulator(
  options: KeyVaultEmulatorOptions = {},
): Promise<KeyVaultEmulator> {
  const resolved = resolveOptions(options);
  const closing = new AbortController();
  const defects: unknown[] = [];
  const { parts, stateFile } = assemble(resolved, closing.signal, (error) => defects.push(error));
  const names = [`*.${resolved.vaultSuffix}`, "localhost", ...AUTHORITY_NAMES, ...resolved.hostNames];
  const certificate = await makeServerCertificate(names);
  const ca = await writeCa(resolved.caFile, certificate.caPem);
  const server = makeServer(parts, certificate);
  const port = await listen(server, resolved.host, resolved.port);
  const identity = resolved.managedIdentityPort === undefined ? undefined : makeManagedIdentityServer(parts);
  const identityPort = identity && (await listen(identity, resolved.host, resolved.managedIdentityPort ?? 0));

  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    closing.abort();
    parts.faults.clear();
    await shut(server);
    if (identity !== undefined) await shut(identity);
    stateFile?.flush();
    if (ca.temporaryFolder !== undefined) await rm(ca.temporaryFolder, { recursive: true, force: true });
  };
  return {
    ...handles(parts, port),
    caPem: certificate.caPem,
    caFile: ca.file,
    managedIdentityUrl: identityPort === undefined ? undefined : `http://127.0.0.1:${identityPort}`,
    defects,
    close: () => (closed ??= close()),
    [Symbol.asyncDispose]: () => (closed ??= close()),
  };
}

function assemble(
  options: ResolvedOptions,
  closing: AbortSignal,
  onDefect: (error: unknown) => void,
): { readonly parts: Parts; readonly stateFile: StateFile | undefined } {
  const clock = new VirtualClock();
  if (options.frozenClock) clock.freeze();
  const estate = new Estate(options);
  const saved = options.stateFile === undefined ? undefined : StateFile.read(options.stateFile);
  if (saved !== undefined) applySnapshot(estate, clock, saved);
  const stateFile =
    options.stateFile === undefined
      ? undefined
      : new StateFile(options.stateFile, () => takeSnapshot(estate, clock));
  const parts: Parts = {
    options,
    clock,
    estate,
    tokens: new Tokens(options.tenantId, `https://${options.vaultSuffix}`),
    limits: new RateLimits(options.limits),
    access: grantedAccess(options),
    faults: new FaultInjector(
      (rule) => estate.keepStale(rule),
      (rule) => estate.dropStale(rule),
    ),
    oracle: new Oracle(options.logRecordsMax),
    softDelete: { delays: options.delays },
    onChange: () => stateFile?.touch(),
    onDefect,
    closing,
  };
  return { parts, stateFile };
}

function grantedAccess(options: ResolvedOptions): AccessRules {
  const access = new AccessRules();
  for (const { clientId, access: general, accessByVault } of options.grants) {
    if (general !== undefined) access.grant(clientId, general);
    for (const [vault, special] of Object.entries(accessByVault ?? {}))
      access.grant(clientId, special, vault);
  }
  for (const [vault, { firewall }] of options.vaults ?? []) access.setFirewall(vault, firewall ?? "open");
  return access;
}

async function writeCa(
  file: string | undefined,
  pem: string,
): Promise<{ file: string; temporaryFolder?: string }> {
  if (file !== undefined) {
    await writeFile(file, pem);
    return { file };
  }
  const temporaryFolder = await mkdtemp(join(tmpdir(), "keyferry-keyvault-"));
  const made = join(temporaryFolder, "ca.pem");
  await writeFile(made, pem);
  return { file: made, temporaryFolder };
}

type Handles = Omit<
  KeyVaultEmulator,
  "caPem" | "caFile" | "managedIdentityUrl" | "defects" | "close" | typeof Symbol.asyncDispose
>;

function handles(parts: Parts, port: number): Handles {
  const { options, clock, estate, tokens, limits, access, faults, oracle } = parts;
  const existing = (name: string): NonNullable<ReturnType<Estate["vault"]>> => {
    const vault = estate.vault(name);
    if (vault === undefined) throw new RangeError(`there is no vault ${name} in this emulator`);
    return vault;
  };
  const origin = `https://localhost:${port}`;
  return {
    port,
    authorityHost: origin,
    controlUrl: `${origin}/_emulator`,
    tenantId: options.tenantId,
    oracle,
    faults,
    clock,
    limits,
    access,
    vaultUrl: (name) => `https://${name}.${options.vaultSuffix}:${port}`,
    state: (vault, view) => viewVault(existing(vault), clock.nowMs(), view?.reveal ?? false),
    setSoftDelete: (delays) => {
      parts.softDelete.delays = resolveOptions({ softDelete: delays }).delays;
    },
    consume: (name, bucket, calls) => {
      const vault = existing(name);
      limits.consume(vault.name, vault.settings.rateGroup, bucket, calls, clock.nowMs());
    },
    putManaged: (vault, name, value = "") => {
      storeManaged({ vault: existing(vault), name, nowMs: clock.nowMs() }, value);
      parts.onChange();
    },
    issueToken: (wish = {}) => {
      const principal = options.principals.find(
        (one) => wish.clientId === undefined || one.clientId === wish.clientId,
      );
      if (principal === undefined) throw new RangeError("there is no such principal");
      const audience = wish.audience ?? `https://${options.vaultSuffix}`;
      return tokens.issue(principal, audience, wish.expiresInSeconds ?? options.tokenLifetimeSeconds);
    },
    revokeTokens: () => tokens.revokeAll(),
    snapshot: () => takeSnapshot(estate, clock),
    restore: (snapshot) => {
      applySnapshot(estate, clock, readSnapshot(snapshot));
      parts.onChange();
    },
    reset: () => {
      faults.clear();
      estate.clear();
      oracle.reset();
      limits.reset();
      parts.onChange();
    },
  };
}
