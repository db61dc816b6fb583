// In place of @keyferry/vault-client: its client on the world's source, of the process that made it.
import { KeyferryError } from "@keyferry/errors";
import { SecretValue } from "@keyferry/ports";
import type { VaultClient, VaultClientOptions } from "@keyferry/vault-client";
import type { ModelMount, SourceModel } from "../servers/source.ts";
import { runningProcess, world } from "../world.ts";

export * from "@keyferry/vault-client";

type Address = { readonly namespace: string; readonly mount: string; readonly path: string };

const TIMEOUT_MS = 10_000;

export function createVaultClient(_options: VaultClientOptions): VaultClient {
  const process = runningProcess();
  const ask = <T>(effect: (source: SourceModel) => T, signal?: AbortSignal): Promise<T> => {
    const { network, source } = world();
    return network.call(process, {
      server: "source",
      signal,
      effect: () => effect(source),
      noAnswer: () =>
        signal?.aborted === true
          ? new KeyferryError("operation-aborted", "The operation was aborted")
          : new KeyferryError("source-unreachable", "The source did not answer"),
      patienceMs: TIMEOUT_MS,
    });
  };
  const client = {
    readMetadata: ({ mount, path }: Address, signal?: AbortSignal) =>
      ask((source) => {
        const secret = source.read(mountAt(source, mount), path);
        const observedAt = Math.floor(source.scheduler.now);
        return secret === undefined
          ? ({ kind: "absent", observedAt } as const)
          : ({ kind: "present", state: source.present(secret), observedAt } as const);
      }, signal),
    readVersion: ({ mount, path }: Address, number: number, signal?: AbortSignal) =>
      ask((source) => {
        const secret = source.read(mountAt(source, mount), path);
        const version = secret?.versions.find((one) => one.number === number);
        if (secret === undefined || version === undefined) return { kind: "absent" } as const;
        const { createdTime, deletionTime, destroyed, data } = version;
        const common = { version: number, createdTime, deletionTime };
        if (!source.isLive(version)) return { kind: "dead", ...common, destroyed } as const;
        return {
          kind: "live",
          ...common,
          customMetadata: { ...secret.customMetadata },
          data: new SecretValue(data),
        } as const;
      }, signal),
    async listDetailedMetadata() {
      return { kind: "unsupported" } as const;
    },
    async *walkMetadata(
      at: { mount: string },
      { limit, signal }: { limit: number; signal?: AbortSignal | undefined },
    ) {
      for (let after: string | undefined = ""; after !== undefined;) {
        const from: string = after;
        const page = await ask((source) => {
          const mount = mountAt(source, at.mount);
          const paths = source.paths(mount).filter((path) => path > from);
          const items = paths.slice(0, limit).flatMap((path) => {
            const secret = source.read(mount, path);
            return secret === undefined ? [] : [{ path, state: source.present(secret) }];
          });
          return {
            items,
            next: paths.length > limit ? paths[limit - 1] : undefined,
            observedAt: Math.floor(source.scheduler.now),
          };
        }, signal);
        after = page.next;
        yield { kind: "page" as const, unreadable: [], folders: [], sizeBytes: 0, ...page };
      }
    },
    mountOf: ({ namespace, path }: { namespace: string; path: string }, signal?: AbortSignal) =>
      ask((source) => {
        refuseIfSealed(source);
        const mount = source.mounts.get(path);
        return mount === undefined
          ? ({ kind: "missing" } as const)
          : ({ kind: "mounted", mount: shown(namespace, path, mount) } as const);
      }, signal),
    listKv2Mounts: (namespace: string, signal?: AbortSignal) =>
      ask((source) => {
        refuseIfSealed(source);
        return [...source.mounts].map(([path, mount]) => shown(namespace, path, mount));
      }, signal),
    health: (signal?: AbortSignal) =>
      ask(
        ({ isSealed, clusterId, scheduler }) => ({
          initialized: true,
          sealed: isSealed,
          standby: false,
          version: "2.7.0",
          clusterId: isSealed ? undefined : clusterId,
          observedAt: Math.floor(scheduler.now),
        }),
        signal,
      ),
    async capabilitiesSelf(_caller: SecretValue, paths: readonly string[]) {
      return { kind: "granted", capabilities: new Map(paths.map((path) => [path, ["root"]])) } as const;
    },
    ensureOwnMount: (name: string, signal?: AbortSignal) =>
      ask((source) => {
        refuseIfSealed(source);
        return shown("", name, source.mounts.get(name) ?? source.enable(name));
      }, signal),
    putSecret: (
      { mount, path }: Address,
      data: Readonly<Record<string, SecretValue>>,
      cas?: number,
      signal?: AbortSignal,
    ) => {
      const text = JSON.stringify(
        Object.fromEntries(Object.entries(data).map(([key, value]) => [key, value.reveal()])),
      );
      return ask((source) => {
        const current = source.now(mountAt(source, mount), path)?.current ?? 0;
        if (cas !== undefined && cas !== current) return { kind: "conflict" } as const;
        return { kind: "stored", version: source.write(mount, path, text) ?? current } as const;
      }, signal);
    },
    readSecret: ({ mount, path }: Address, number?: number, signal?: AbortSignal) =>
      ask((source) => {
        const secret = source.now(mountAt(source, mount), path);
        const version = secret?.versions.find((one) => one.number === (number ?? secret.current));
        if (version === undefined) return { kind: "absent" } as const;
        if (!source.isLive(version)) return { kind: "dead" } as const;
        const fields = Object.entries(JSON.parse(version.data) as Record<string, string>);
        const values = fields.map(([key, text]) => [key, new SecretValue(text)] as const);
        return { kind: "live", version: version.number, data: new Map(values) } as const;
      }, signal),
    deleteMetadata: ({ mount, path }: Address, signal?: AbortSignal) =>
      ask((source) => {
        mountAt(source, mount);
        source.deleteMetadata(mount, path);
      }, signal),
    keepVersions: () => ask(refuseIfSealed),
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
  return client as unknown as VaultClient;
}

function refuseIfSealed({ isSealed }: SourceModel): void {
  if (isSealed) throw new KeyferryError("source-sealed", "The source is sealed");
}

function mountAt(source: SourceModel, path: string): ModelMount {
  refuseIfSealed(source);
  const mount = source.mounts.get(path);
  if (mount === undefined) throw new KeyferryError("mount-missing", `no handler for ${path}`);
  return mount;
}

function shown(namespace: string, path: string, { accessor }: ModelMount) {
  return { namespace, path, accessor, uuid: accessor, type: "kv", kvVersion: 2 as const };
}
