import { KeyferryError } from "@keyferry/errors";
import { createSourceToken, createVaultClient, type SourceTokenOptions } from "@keyferry/vault-client";
import type { RoleReader } from "./source-readers.ts";

/** How the sink itself reads the source. */
export type OwnLogin = Omit<SourceTokenOptions, "section">;

/**
 * Reads the source with another role of the auth method that the sink itself logs in by. Logs in at the first read.
 * Throws `source-denied` where the sink can't: a token or an AppRole is one role and no other.
 */
export function openRoleReader(own: OwnLogin, role: string): RoleReader {
  const { source, auth, logger, clock } = own;
  if (auth === undefined || auth.method === "approle") {
    throw new KeyferryError(
      "source-denied",
      `the sink can't take the role: azureSink.auth has to be the method jwt or kubernetes, and is ${auth?.method ?? "a token"}`,
    );
  }
  const { token, close } = createSourceToken({ ...own, auth: { ...auth, role }, section: "azureSink" });
  const client = createVaultClient({
    address: source.address,
    namespace: source.namespace,
    token,
    ...(source.caFile === undefined ? {} : { caFile: source.caFile }),
    clock,
    logger,
  });
  return {
    readMetadata: (secret, signal) => client.readMetadata(secret, signal),
    readVersion: (secret, version, signal) => client.readVersion(secret, version, signal),
    async close() {
      await client.close();
      await close();
    },
  };
}
