// Owns: the life of one server for its users: start until really ready, kill, pause, resume, restart, stop.
// Does not own: what the server is (openbao.ts, nats.ts, …) and what runs it (backend/).
//
// Invariants: SERVER-1 a restart keeps port and data; SERVER-2 `stop` leaves neither process nor folder.

import { readFile } from "node:fs/promises";
import type { Backend } from "../backend/backend.ts";
import { eventually } from "../eventually.ts";
import { canListen } from "../free-port.ts";
import type { ServerFolder } from "../server-folder.ts";

/** A cold OpenBao on a busy two-core machine takes seconds; a minute means that it hangs. */
const READY_MS_MAX = 60_000;
const STOP_GRACE_MS = 10_000;
const LAUNCH_ATTEMPTS_MAX = 5;
const LOG_TAIL_LINES = 15;

/** Thrown where another process has the server's port, or took it between choosing and listening. */
export class PortTakenError extends Error {
  override readonly name = "PortTakenError";
}

export interface ServerParts {
  readonly name: string;
  readonly backend: Backend;
  readonly folder: ServerFolder;
  readonly logFile: string;
  /** All ports the server listens on. */
  readonly ports: readonly number[];
  /** One look whether the server is ready; throws or returns false while it is not. */
  readonly probe: () => Promise<boolean>;
}

/** A real server under the test's control. */
export class Server implements AsyncDisposable {
  readonly name: string;
  /** Where the server's data and files are. */
  readonly dir: string;
  readonly logFile: string;
  readonly #parts: ServerParts;

  constructor(parts: ServerParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.dir = parts.folder.path;
    this.logFile = parts.logFile;
  }

  /** Of the server process itself; undefined while it is down, and always in a container. */
  get pid(): number | undefined {
    return this.#parts.backend.pid;
  }

  /** Starts a server that is down and waits until it is ready. */
  async start(): Promise<void> {
    const { backend, name, ports, probe } = this.#parts;
    for (const port of ports) {
      // Otherwise the probe would be answered by whoever is there, and this server would seem ready.
      if (!(await canListen(port))) throw new PortTakenError(`${name}: port ${port}: address already in use`);
    }
    await backend.start();
    const gone = new AbortController();
    await eventually(
      async () => {
        if (backend.ending !== undefined) gone.abort(await this.#endedEarly());
        return await probe();
      },
      { what: `${name} to be ready (log: ${this.logFile})`, timeoutMs: READY_MS_MAX, signal: gone.signal },
    );
  }

  /** SIGKILL; resolves when the process is gone. Port and data stay for `restart`. */
  async kill(): Promise<void> {
    await this.#parts.backend.kill();
  }

  /** SIGSTOP: what a hung machine or a long garbage collection looks like from outside. */
  async pause(): Promise<void> {
    await this.#parts.backend.pause();
  }

  /** SIGCONT. */
  async resume(): Promise<void> {
    await this.#parts.backend.resume();
  }

  /** Stops the server in order if it is up, starts it again on the same port and data, and waits until it is ready. */
  async restart(): Promise<void> {
    await this.#parts.backend.stop(STOP_GRACE_MS);
    await this.start();
  }

  /** Stops the server and removes its folder, unless the caller gave one. May be called more than once. */
  async stop(): Promise<void> {
    await this.#parts.backend.stop(STOP_GRACE_MS);
    await this.#parts.backend.dispose();
    await this.#parts.folder.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #endedEarly(): Promise<Error> {
    const log = await readFile(this.logFile, "utf8").catch(() => "");
    const tail = log.trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n");
    const message = `${this.name} ended before it was ready (${this.#parts.backend.ending}):\n${tail}`;
    return /address already in use/iu.test(tail) ? new PortTakenError(message) : new Error(message);
  }
}

/**
 * Builds and starts a server, with new ports where another process took one in between. `build` chooses the ports; a
 * caller's own ports are not to be replaced, so `portsAreGiven` makes the first such failure final.
 */
export async function launch<Started extends Server>(
  folder: ServerFolder,
  portsAreGiven: boolean,
  build: () => Promise<Started>,
): Promise<Started> {
  for (let attempt = 1; ; attempt += 1) {
    const server = await build();
    try {
      await server.start();
      return server;
    } catch (error) {
      const again = error instanceof PortTakenError && !portsAreGiven && attempt < LAUNCH_ATTEMPTS_MAX;
      if (again) {
        await server.kill();
        continue;
      }
      await server.stop();
      await folder.remove();
      throw error;
    }
  }
}
