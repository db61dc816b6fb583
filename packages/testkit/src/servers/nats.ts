// Owns: a real nats-server with JetStream for a test, one node.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { chooseBackend } from "../backend/choose-backend.ts";
import { freePort } from "../free-port.ts";
import { openServerFolder, type ServerFolder } from "../server-folder.ts";
import { launch, Server, type ServerParts } from "./server.ts";

export interface NatsOptions {
  /** Ports of the caller's choice; free ones by default. */
  readonly port?: number;
  readonly monitorPort?: number;
  /** A folder that outlives the server; by default one that is removed with it. */
  readonly dir?: string;
  /** By default `nats.log` in the folder. */
  readonly logFile?: string;
  /** More configuration, in nats-server's own language, e.g. `max_payload: 2MB`. */
  readonly config?: string;
}

export class NatsServer extends Server {
  readonly port: number;
  /** `nats://127.0.0.1:PORT` */
  readonly url: string;
  /** `http://127.0.0.1:PORT`, with `/healthz`, `/jsz`, `/varz`, `/connz`. */
  readonly monitorUrl: string;
  /** Where JetStream keeps streams; to look for what must not be there. */
  readonly storeDir: string;

  constructor(parts: ServerParts, ports: NatsPorts) {
    super(parts);
    this.port = ports.client;
    this.url = `nats://127.0.0.1:${ports.client}`;
    this.monitorUrl = `http://127.0.0.1:${ports.monitor}`;
    this.storeDir = join(parts.folder.path, "jetstream");
  }
}

interface NatsPorts {
  readonly client: number;
  readonly monitor: number;
}

/** One node's place in a cluster. */
export interface ClusterPlace {
  readonly serverName: string;
  readonly clusterName: string;
  readonly routePort: number;
  readonly routes: readonly string[];
  /** Clients are told of no other node, so that a proxy before each stays the only way. */
  readonly noAdvertise: boolean;
}

/** Starts one nats-server whose JetStream takes requests when this resolves. */
export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  const folder = await openServerFolder("nats", options.dir);
  const given = options.port !== undefined || options.monitorPort !== undefined;
  return await launch(folder, given, async () => await prepareNats(options, folder, undefined));
}

/** A node that is configured but not started; `place` puts it into a cluster. */
export async function prepareNats(
  options: NatsOptions,
  folder: ServerFolder,
  place: ClusterPlace | undefined,
): Promise<NatsServer> {
  const ports = {
    client: options.port ?? (await freePort()),
    monitor: options.monitorPort ?? (await freePort()),
  };
  const name = place?.serverName ?? "nats";
  const logFile = options.logFile ?? join(folder.path, `${name}.log`);
  const configFile = join(folder.path, `${name}.conf`);
  await mkdir(join(folder.path, "jetstream"), { recursive: true });
  await writeFile(configFile, natsConfiguration(ports, folder.path, place, options.config));
  const backend = await chooseBackend({
    name,
    server: "nats-server",
    args: ["--config", configFile],
    dir: folder.path,
    logFile,
  });
  const probe = async () => await isHealthy(ports.monitor);
  const listening = [ports.client, ports.monitor, ...(place === undefined ? [] : [place.routePort])];
  return new NatsServer({ name, backend, folder, logFile, ports: listening, probe }, ports);
}

function natsConfiguration(
  ports: NatsPorts,
  dir: string,
  place: ClusterPlace | undefined,
  more: string | undefined,
): string {
  const lines = [
    `server_name: ${JSON.stringify(place?.serverName ?? "nats")}`,
    `listen: "127.0.0.1:${ports.client}"`,
    `http: "127.0.0.1:${ports.monitor}"`,
    `jetstream { store_dir: ${JSON.stringify(join(dir, "jetstream"))} }`,
  ];
  if (place !== undefined) {
    const routes = place.routes.map((route) => JSON.stringify(route)).join(", ");
    lines.push(
      `cluster { name: ${JSON.stringify(place.clusterName)}, listen: "127.0.0.1:${place.routePort}", routes: [${routes}]${place.noAdvertise ? ", no_advertise: true" : ""} }`,
    );
  }
  return `${[...lines, more ?? ""].join("\n")}\n`;
}

/** `/healthz` says ok only when JetStream is up and, in a cluster, the node knows a meta leader and has caught up. */
async function isHealthy(monitorPort: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${monitorPort}/healthz`);
  await answer.body?.cancel();
  return answer.status === 200;
}
