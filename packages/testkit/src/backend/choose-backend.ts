// Owns: the choice between child process and container, by KEYFERRY_TEST_SERVERS or by what this machine has.

import { ensureServers, SERVER_IMAGES, type ServerBinary, type ServerName } from "@keyferry/server-binaries";
import type { Backend, Launch } from "./backend.ts";
import { ChildBackend } from "./child-backend.ts";
import { ContainerBackend } from "./container-backend.ts";

/** What a server's own file says of its launch; the binary or image is filled in here. */
export type ServerLaunch = Omit<Launch, "command" | "env" | "image"> & {
  readonly server: ServerName;
  readonly env?: Readonly<Record<string, string>>;
};

const found = new Map<ServerName, Promise<ServerBinary>>();

/** The backend that will run the server; fetches its binary where this machine has none yet. */
export async function chooseBackend(launch: ServerLaunch): Promise<Backend> {
  const image = { name: SERVER_IMAGES[launch.server], command: launch.server };
  const env = launch.env ?? {};
  if (process.env["KEYFERRY_TEST_SERVERS"] === "containers") {
    return new ContainerBackend({ ...launch, command: launch.server, env, image });
  }
  const binary = await findBinary(launch.server);
  if (binary.source === "container") {
    return new ContainerBackend({ ...launch, command: launch.server, env, image });
  }
  return new ChildBackend({ ...launch, command: binary.path, env: { ...binary.env, ...env } });
}

async function findBinary(server: ServerName): Promise<ServerBinary> {
  const known = found.get(server);
  if (known !== undefined) return await known;
  const search = LOOK_FOR[server]();
  found.set(server, search);
  // A failed search (no network, say) may succeed later.
  search.catch(() => found.delete(server));
  return await search;
}

const LOOK_FOR: Readonly<Record<ServerName, () => Promise<ServerBinary>>> = {
  bao: async () => (await ensureServers({ only: ["bao"] })).bao,
  "nats-server": async () => (await ensureServers({ only: ["nats-server"] })).natsServer,
  "redis-server": async () => (await ensureServers({ only: ["redis-server"] })).redisServer,
  nginx: async () => (await ensureServers({ only: ["nginx"] })).nginx,
};
