// Owns: a real nginx for a test of a routing recipe. The recipe goes below `http`, as in /etc/nginx/conf.d; around it is
// what lets nginx run without root and without a folder of the system.

import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { chooseBackend } from "../backend/choose-backend.ts";
import { freePort } from "../free-port.ts";
import { openServerFolder } from "../server-folder.ts";
import { launch, Server, type ServerParts } from "./server.ts";

const CONNECT_MS_MAX = 1_000;

export interface NginxOptions {
  /** The configuration below `http` of an nginx that listens on this port of 127.0.0.1. */
  readonly recipe: (port: number) => string;
  /** A port of the caller's choice; a free one by default. */
  readonly port?: number;
  /** A folder that outlives the server; by default one that is removed with it. */
  readonly dir?: string;
  /** By default `nginx.log` in the folder. */
  readonly logFile?: string;
}

export class NginxServer extends Server {
  readonly port: number;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;

  constructor(parts: ServerParts, port: number) {
    super(parts);
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
  }
}

/**
 * Starts an nginx that listens when this resolves.
 * @throws Error with nginx's own words where it refuses the configuration; ServersUnavailableError where none is to be had
 */
export async function startNginx(options: NginxOptions): Promise<NginxServer> {
  const folder = await openServerFolder("nginx", options.dir);
  const logFile = options.logFile ?? join(folder.path, "nginx.log");
  return await launch(folder, options.port !== undefined, async () => {
    const port = options.port ?? (await freePort());
    const configFile = join(folder.path, "nginx.conf");
    await writeFile(configFile, mainConfiguration(folder.path, options.recipe(port)));
    const args = ["-p", folder.path, "-e", "stderr", "-c", configFile];
    const backend = await chooseBackend({ name: "nginx", server: "nginx", args, dir: folder.path, logFile });
    const probe = () => listens(port);
    return new NginxServer({ name: "nginx", backend, folder, logFile, ports: [port], probe }, port);
  });
}

function mainConfiguration(dir: string, recipe: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `  ${name}_temp_path ${JSON.stringify(join(dir, `temp-${name}`))};`,
  );
  // One process: workers would outlive a killed master and keep its port.
  return `daemon off;
master_process off;
pid ${JSON.stringify(join(dir, "nginx.pid"))};
error_log stderr notice;
events { worker_connections 256; }
http {
${temporary.join("\n")}
  access_log ${JSON.stringify(join(dir, "access.log"))};
${recipe}
}
`;
}

async function listens(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, timeout: CONNECT_MS_MAX });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => settle(true));
    socket.once("timeout", () => settle(false));
    socket.once("error", () => settle(false));
  });
}
