import { KeyferryError } from "@keyferry/errors";
import type { ServiceContext } from "@keyferry/service";
import { createSourceToken, createVaultClient } from "@keyferry/vault-client";
import type { RoleReader } from "./source-readers.ts";

type Context = Pick<
  ServiceContext<"azureSink">,
  "config" | "secrets" | "rereadSecrets" | "logger" | "clock" | "random"
>;

/**
 * Reads the source with another role of the auth method that the sink itself logs in by. Logs in at the first read.
 * Throws `source-denied` where the sink can't: a token or an AppRole is one role and no other.
 */
export function openRoleReader(context: Context, role: string): RoleReader {
  const { source, azureSink } = context.config;
  const { auth } = azureSink;
  if (auth === undefined || auth.method === "approle") {
    throw new KeyferryError(
      "source-denied",
      `the sink can't take the role: azureSink.auth has to be the method jwt or kubernetes, and is ${auth?.method ?? "a token"}`,
    );
  }
  const { logger, clock } = context;
  const { token, close } = createSourceToken({
    ...context,
    source,
    auth: { ...auth, role },
    section: "azureSink",
  });
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
