// Owns: running one of our own services from source as a process, so that a test may kill, pause and restart it like
// any other server.

import { access, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ChildBackend } from "../backend/child-backend.ts";
import { eventually } from "../eventually.ts";
import { openServerFolder } from "../server-folder.ts";
import { launch, Server, type ServerParts } from "./server.ts";

const REPOSITORY = resolve(import.meta.dirname, "../../../..");
const PROBE_MS_MAX = 2_000;

export interface ServiceOptions {
  /** Given to the service as `--config FILE`. */
  readonly configFile: string;
  /** Where the configuration makes the service serve `/healthz`, `/readyz` and `/metrics`. */
  readonly healthPort: number;
  /** The service's whole environment beside PATH, HOME and TMPDIR. */
  readonly env?: Readonly<Record<string, string>>;
  /** A folder that outlives the service; by default one that is removed with it. */
  readonly dir?: string;
  /** By default `<name>.log` in the folder. */
  readonly logFile?: string;
  /** `ready` (the default) waits for `/readyz` 200, `live` for `/healthz` 200: a service whose servers are down. */
  readonly waitFor?: "ready" | "live";
  /** What to run in place of `apps/<name>/src/main.ts`, e.g. a bundle. */
  readonly program?: string;
  /** More arguments after `--config FILE`. */
  readonly args?: readonly string[];
}

export class Service extends Server {
  readonly healthPort: number;
  /** `http://127.0.0.1:PORT` of health and metrics. */
  readonly url: string;

  constructor(parts: ServerParts, healthPort: number) {
    super(parts);
    this.healthPort = healthPort;
    this.url = `http://127.0.0.1:${healthPort}`;
  }

  /** Whether `/readyz` answers 200 now. */
  async isReady(): Promise<boolean> {
    return await answers(this.url, "/readyz");
  }

  /** An address that the service has announced, e.g. `announced("api")`; waits until it is there. */
  async announced(field: string): Promise<string> {
    return await eventually(
      async () => {
        const announced = JSON.parse(await readFile(readyFileIn(this.dir), "utf8")) as Record<
          string,
          unknown
        >;
        const address = announced[field];
        return typeof address === "string" ? address : undefined;
      },
      { what: `${this.name} to announce ${field}` },
    );
  }

  /** The text of `/metrics`. */
  async metrics(): Promise<string> {
    const answer = await fetch(`${this.url}/metrics`, { signal: AbortSignal.timeout(PROBE_MS_MAX) });
    return await answer.text();
  }
}

/**
 * Starts `apps/<name>/src/main.ts` by the running Node and waits until it is ready. With `KEYFERRY_BUNDLES=FOLDER` in the
 * environment of the caller, `FOLDER/<name>/main.mjs` instead: what the images carry, as `node deploy/build.ts` makes it.
 */
export async function startService(name: string, options: ServiceOptions): Promise<Service> {
  const main = options.program ?? programOf(name);
  await access(main);
  const folder = await openServerFolder(name, options.dir);
  const logFile = options.logFile ?? join(folder.path, `${name}.log`);
  const path = options.waitFor === "live" ? "/healthz" : "/readyz";
  return await launch(folder, true, async () => {
    const backend = new ChildBackend({
      name,
      command: process.execPath,
      args: [main, "--config", resolve(options.configFile), ...(options.args ?? [])],
      env: { ...options.env, KEYFERRY_READY_FILE: readyFileIn(folder.path) },
      dir: folder.path,
      logFile,
    });
    const probe = async () => await answers(`http://127.0.0.1:${options.healthPort}`, path);
    return new Service(
      { name, backend, folder, logFile, ports: [options.healthPort], probe },
      options.healthPort,
    );
  });
}

function programOf(name: string): string {
  const bundles = process.env["KEYFERRY_BUNDLES"];
  return bundles === undefined
    ? join(REPOSITORY, "apps", name, "src", "main.ts")
    : resolve(bundles, name, "main.mjs");
}

function readyFileIn(dir: string): string {
  return join(dir, "ready.json");
}

async function answers(url: string, path: string): Promise<boolean> {
  const answer = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(PROBE_MS_MAX) });
  await answer.body?.cancel();
  return answer.status === 200;
}
