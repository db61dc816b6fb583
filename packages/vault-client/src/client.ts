import type { Clock, Logger, SecretValue } from "@keyferry/ports";
import type { MountAddress, SecretAddress } from "./kv/address.ts";
import { listDetailedMetadata, walkMetadata } from "./kv/list.ts";
import type { MetadataPage, PageRequest, WalkOptions } from "./kv/metadata-page.ts";
import {
  type MetadataRead,
  type OwnSecretRead,
  readMetadata,
  readSecret,
  readVersion,
  type VersionRead,
} from "./kv/read.ts";
import { deleteMetadata, destroyVersion, keepVersions, type PutResult, putSecret } from "./kv/write.ts";
import { type AppRoleAddress, makeSecretId, readRoleId } from "./login/app-role.ts";
import { capabilitiesSelf, type CapabilitiesAnswer } from "./sys/capabilities.ts";
import { type Health, health } from "./sys/health.ts";
import { ensureKv2Mount, listKv2Mounts, type Mount, type MountLookUp, mountOf } from "./sys/mounts.ts";
import { Transport, type TokenSource } from "./transport/transport.ts";

export interface VaultClientOptions {
  /** `http(s)://host:port`, with a path if Vault lies behind one. */
  readonly address: string;
  /** For calls that name none; empty for the root. */
  readonly namespace?: string;
  readonly token: TokenSource;
  readonly caFile?: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Per call. */
  readonly timeoutMs?: number;
  /** Reads are answered by the cluster's active node, whichever node is asked (OpenBao ≥ 2.7; elsewhere no difference). */
  readonly fromActiveNode?: boolean;
}

/** Vault or OpenBao, as far as Keyferry needs it. All errors are `KeyferryError`s; what is absent is a result. */
export interface VaultClient extends AsyncDisposable {
  readMetadata(secret: SecretAddress, signal?: AbortSignal): Promise<MetadataRead>;
  /** The value of one version. Only its `data` is secret. */
  readVersion(secret: SecretAddress, version: number, signal?: AbortSignal): Promise<VersionRead>;
  listDetailedMetadata(
    mount: MountAddress,
    prefix: string,
    page: PageRequest,
    signal?: AbortSignal,
  ): Promise<MetadataPage | { readonly kind: "unsupported" }>;
  walkMetadata(mount: MountAddress, options: WalkOptions): AsyncGenerator<MetadataPage, void, undefined>;
  /** The mount at or above a path. */
  mountOf(at: { namespace: string; path: string }, signal?: AbortSignal): Promise<MountLookUp>;
  listKv2Mounts(namespace: string, signal?: AbortSignal): Promise<readonly Mount[]>;
  health(signal?: AbortSignal): Promise<Health>;
  capabilitiesSelf(
    caller: SecretValue,
    paths: readonly string[],
    namespace?: string,
    signal?: AbortSignal,
  ): Promise<CapabilitiesAnswer>;
  /** Makes Keyferry's own KVv2 mount unless it is there. */
  ensureOwnMount(name: string, signal?: AbortSignal): Promise<Mount>;
  putSecret(
    secret: SecretAddress,
    data: Readonly<Record<string, SecretValue>>,
    cas?: number,
    signal?: AbortSignal,
  ): Promise<PutResult>;
  readSecret(secret: SecretAddress, version?: number, signal?: AbortSignal): Promise<OwnSecretRead>;
  /** Sets how many versions of a secret of ours are kept. */
  keepVersions(secret: SecretAddress, count: number, signal?: AbortSignal): Promise<void>;
  /** Removes the data of one version of a secret of ours for good. */
  destroyVersion(secret: SecretAddress, version: number, signal?: AbortSignal): Promise<void>;
  /** Deletes all versions and the metadata of a secret of ours. */
  deleteMetadata(secret: SecretAddress, signal?: AbortSignal): Promise<void>;
  /** The id of an AppRole, and a new secret id of it, for a login by that role. */
  readRoleId(at: AppRoleAddress): Promise<string>;
  makeSecretId(at: AppRoleAddress): Promise<SecretValue>;
  close(): Promise<void>;
}

const TIMEOUT_MS = 10_000; // an answer of Vault takes milliseconds; one that takes longer won't be of use

/** A client for one source. Connects when it is first used; `close` ends its connections. */
export function createVaultClient(options: VaultClientOptions): VaultClient {
  const { clock, namespace: ownNamespace = "" } = options;
  const transport = new Transport({
    address: options.address,
    token: options.token,
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    fromActiveNode: options.fromActiveNode ?? false,
    clock,
    logger: options.logger,
    ...(options.caFile === undefined ? {} : { caFile: options.caFile }),
  });
  const close = (): Promise<void> => transport.close();
  return {
    readMetadata: (secret, signal) => readMetadata(transport, secret, signal),
    readVersion: (secret, version, signal) => readVersion(transport, secret, version, signal),
    listDetailedMetadata: (mount, prefix, page, signal) =>
      listDetailedMetadata(transport, mount, prefix, page, signal),
    walkMetadata: (mount, walk) => walkMetadata(transport, mount, walk),
    mountOf: (at, signal) => mountOf(transport, at, signal),
    listKv2Mounts: (namespace, signal) => listKv2Mounts(transport, namespace, signal),
    health: (signal) => health(transport, signal),
    capabilitiesSelf: (caller, paths, namespace = ownNamespace, signal) =>
      capabilitiesSelf(transport, caller, paths, namespace, signal),
    ensureOwnMount: (name, signal) =>
      ensureKv2Mount(
        transport,
        clock,
        { namespace: ownNamespace, path: name },
        "Keyferry's own: client secrets and tag keys",
        signal,
      ),
    putSecret: (secret, data, cas, signal) => putSecret(transport, secret, data, cas, signal),
    readSecret: (secret, version, signal) => readSecret(transport, secret, version, signal),
    keepVersions: (secret, count, signal) => keepVersions(transport, secret, count, signal),
    destroyVersion: (secret, version, signal) => destroyVersion(transport, secret, version, signal),
    deleteMetadata: (secret, signal) => deleteMetadata(transport, secret, signal),
    readRoleId: (at) => readRoleId(transport, at),
    makeSecretId: (at) => makeSecretId(transport, at),
    close,
    [Symbol.asyncDispose]: close,
  };
}
