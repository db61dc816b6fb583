import { KeyferryError } from "@keyferry/errors";
import {
  createLogin,
  createSourceToken,
  createVaultClient,
  type SourceToken,
  type SourceTokenOptions,
  type VaultClient,
} from "@keyferry/vault-client";
import type { RoleReader } from "./source-readers.ts";

/** How the sink itself reads the source. */
export type OwnLogin = Omit<SourceTokenOptions, "section">;

/**
 * Reads the source with another role of the auth method that the sink itself logs in by: with the same JWT, or, for
 * AppRole, with a secret id that `client`, the sink's own, makes for each login. Logs in at the first read. Throws
 * `source-denied` where the sink has a token: that is one role and no other.
 */
export function openRoleReader(
  own: OwnLogin,
  client: Pick<VaultClient, "readRoleId" | "makeSecretId">,
  role: string,
): RoleReader {
  const { source, logger, clock } = own;
  const { token, close } = logIn(own, client, role);
  const reader = createVaultClient({
    address: source.address,
    namespace: source.namespace,
    token,
    ...(source.caFile === undefined ? {} : { caFile: source.caFile }),
    clock,
    logger,
  });
  return {
    readMetadata: (secret, signal) => reader.readMetadata(secret, signal),
    readVersion: (secret, version, signal) => reader.readVersion(secret, version, signal),
    async close() {
      await reader.close();
      await close();
    },
  };
}

function logIn(
  own: OwnLogin,
  client: Pick<VaultClient, "readRoleId" | "makeSecretId">,
  role: string,
): SourceToken {
  const { auth, source, clock, random, logger } = own;
  if (auth === undefined) {
    throw new KeyferryError(
      "source-denied",
      "the sink can't take the role, as it has a token of its own: set azureSink.auth in place of azureSink.token",
    );
  }
  if (auth.method !== "approle")
    return createSourceToken({ ...own, auth: { ...auth, role }, section: "azureSink" });
  const at = { namespace: source.namespace, mount: auth.mount ?? auth.method, role };
  return createLogin({
    ...source,
    method: {
      kind: "approle",
      mount: at.mount,
      roleId: () => client.readRoleId(at),
      secretId: () => client.makeSecretId(at),
    },
    clock,
    random,
    logger,
  });
}
