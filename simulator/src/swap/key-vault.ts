// In place of @keyferry/key-vault: its client is one of the world's vaults, of the process that made it.
import type { KeyVault, KeyVaultOptions, SecretAttributes } from "@keyferry/key-vault";
import { KeyferryError } from "@keyferry/errors";
import type { SecretValue } from "@keyferry/ports";
import { type KeyVaultModel, latestOf, VaultRefusal } from "../servers/key-vault.ts";
import { runningProcess, world } from "../world.ts";

export * from "@keyferry/key-vault";

interface Call {
  readonly signal: AbortSignal;
}

const CONFLICTS = new Set<VaultRefusal["what"]>([
  "deleted-recoverable",
  "being-deleted",
  "being-recovered",
  "other",
]);
const PAGE = 25;

export function createKeyVault(options: KeyVaultOptions): KeyVault {
  const process = runningProcess();
  const vaultHost = new URL(options.uri).host.toLowerCase();
  const patienceMs = options.requestTimeoutMs;
  const send = <T>(
    operation: string,
    writes: boolean,
    { signal }: Call,
    effect: (vaults: KeyVaultModel) => T,
  ): Promise<T> => {
    const { network, vaults, faults, oracle } = world();
    const note = writes ? oracle.writing(process, vaultHost) : undefined;
    return network.call(process, {
      server: "vault",
      signal,
      patienceMs,
      effect() {
        const failure = faults.vaultFailure(operation, writes);
        if (failure === "before") throw serverError(operation, writes);
        if (failure === "denied")
          throw new KeyferryError("vault-denied", "Key Vault answered 403", { status: 403 });
        oracle.landing(note);
        let result: T;
        try {
          result = effect(vaults);
        } catch (error) {
          throw refusal(error, operation);
        } finally {
          oracle.landing(undefined);
        }
        if (failure === "after") throw serverError(operation, writes);
        return result;
      },
      noAnswer(what) {
        if (writes && what === "lost")
          return new KeyferryError("answer-lost", "The answer did not arrive", { operation });
        return signal.aborted
          ? new KeyferryError("operation-aborted", "The operation was aborted", { operation })
          : new KeyferryError("vault-unreachable", "Key Vault did not answer", { operation });
      },
    });
  };
  const conflictOr = async <T>(
    sent: Promise<T>,
  ): Promise<T | { kind: "conflict"; reason: string } | { kind: "absent" }> => {
    try {
      return await sent;
    } catch (error) {
      if (!(error instanceof VaultRefusal)) throw error;
      if (error.what === "absent") return { kind: "absent" };
      return { kind: "conflict", reason: error.what };
    }
  };
  const client = {
    vaultHost,
    prime: async () => undefined,
    put: (name: string, secret: SecretAttributes & { readonly value: SecretValue }, call: Call) => {
      const value = secret.value.reveal();
      return conflictOr(
        send("put", true, call, (vaults) => {
          const { tags, contentType } = secret;
          return {
            kind: "put",
            version: vaults.put(vaultHost, name, { value, tags, contentType }, "keyferry").id,
          } as const;
        }),
      );
    },
    patch: (name: string, version: string, change: Partial<SecretAttributes>, call: Call) =>
      conflictOr(
        send("patch", true, call, (vaults) => {
          vaults.patch(vaultHost, name, version, change, "keyferry");
          return { kind: "patched" } as const;
        }),
      ),
    delete: (name: string, call: Call) =>
      conflictOr(
        send("delete", true, call, (vaults) => {
          vaults.delete(vaultHost, name, "keyferry");
          return { kind: "deleted" } as const;
        }),
      ),
    recover: (name: string, call: Call) =>
      conflictOr(
        send("recover", true, call, (vaults) => {
          vaults.recover(vaultHost, name, "keyferry");
          return { kind: "recovering" } as const;
        }),
      ),
    purge: (name: string, call: Call) =>
      conflictOr(
        send("purge", true, call, (vaults) => {
          vaults.purge(vaultHost, name, "keyferry");
          return { kind: "purged" } as const;
        }),
      ),
    versions: (name: string, call: Call & { readonly pagesMax: number }) =>
      send("versions", false, call, (vaults) => {
        world().oracle.looked(process, vaultHost, name);
        const secret = vaults.find(vaultHost, name);
        if (secret === undefined || !vaults.isReadable(secret)) return { versions: [], complete: true };
        // In no order (reference).
        const all = secret.versions.toSorted((a, b) => (a.id.slice(-1) < b.id.slice(-1) ? -1 : 1));
        const shown = all.slice(0, call.pagesMax * PAGE).map((version) => ({
          version: version.id,
          tags: version.tags,
          createdOn: version.createdOn,
          enabled: version.enabled,
          managed: false,
          contentType: version.contentType,
        }));
        return { versions: shown, complete: shown.length === all.length };
      }),
    deleted: (name: string, call: Call) =>
      send("deleted", false, call, (vaults) => {
        world().oracle.looked(process, vaultHost, name);
        const secret = vaults.find(vaultHost, name);
        if (secret === undefined || vaults.phaseOf(secret) !== "deleted") return { kind: "absent" } as const;
        return {
          kind: "deleted",
          tags: latestOf(secret)?.tags ?? {},
          recoveryLevel: "Recoverable+Purgeable",
        } as const;
      }),
    async *list(call: Call) {
      const names = world()
        .vaults.secretsOf(vaultHost)
        .map(({ name }) => name)
        .sort();
      for (let from = 0; from === 0 || from < names.length; from += PAGE) {
        yield await send("list", false, call, (vaults) =>
          names.slice(from, from + PAGE).flatMap((name) => {
            const secret = vaults.find(vaultHost, name);
            const latest = secret && latestOf(secret);
            if (secret === undefined || latest === undefined || !vaults.isReadable(secret)) return [];
            const { tags, updatedOn, enabled, contentType } = latest;
            return [{ name: secret.name, tags, updatedOn, enabled, managed: false, contentType }];
          }),
        );
      }
    },
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
  return client as unknown as KeyVault;
}

function refusal(error: unknown, operation: string): unknown {
  if (!(error instanceof VaultRefusal)) return error;
  if (error.what === "throttled")
    return new KeyferryError("vault-throttled", `Key Vault answered 429 to ${operation}`);
  return error.what === "absent" || CONFLICTS.has(error.what)
    ? error
    : new KeyferryError("vault-error", error.what);
}

function serverError(operation: string, writes: boolean): KeyferryError {
  return new KeyferryError("vault-error", `Key Vault answered 500 to ${operation}`, {
    operation,
    status: 500,
    ...(writes ? { unclear: true } : {}),
  });
}
