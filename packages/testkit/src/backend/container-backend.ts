// Owns: running a server as a container by Testcontainers, on the host's network and with its folder at the same
// path, so that the command line, the configuration files and the ports are those of the child process. Testcontainers'
// reaper takes the watchdog's part. On macOS this needs Docker Desktop's host networking.

import { createWriteStream, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { StartedTestContainer } from "testcontainers";
import type { Backend, Launch } from "./backend.ts";

/** The part of dockerode's container that is used here. */
interface DockerContainer {
  start(): Promise<unknown>;
  kill(options: { signal: string }): Promise<unknown>;
  stop(options: { t: number }): Promise<unknown>;
  pause(): Promise<unknown>;
  unpause(): Promise<unknown>;
  inspect(): Promise<{ State: { Running: boolean; Paused: boolean; ExitCode: number } }>;
  logs(options: { follow: true; stdout: true; stderr: true; tail: number }): Promise<NodeJS.ReadableStream>;
}

export class ContainerBackend implements Backend {
  readonly pid = undefined;
  readonly #launch: Launch;
  #started: StartedTestContainer | undefined;
  #container: DockerContainer | undefined;
  #ending: string | undefined;

  constructor(launch: Launch) {
    this.#launch = launch;
  }

  get ending(): string | undefined {
    return this.#ending;
  }

  async start(): Promise<void> {
    this.#ending = undefined;
    if (this.#container === undefined) await this.#create();
    else await this.#container.start();
    await this.#followLog();
  }

  async kill(): Promise<void> {
    if (!(await this.#isRunning())) return;
    await this.#container?.kill({ signal: "SIGKILL" });
    this.#ending = "signal SIGKILL";
  }

  async pause(): Promise<void> {
    await this.#container?.pause();
  }

  async resume(): Promise<void> {
    await this.#container?.unpause();
  }

  async stop(graceMs: number): Promise<void> {
    if (!(await this.#isRunning())) return;
    if ((await this.#container?.inspect())?.State.Paused === true) await this.resume();
    await this.#container?.stop({ t: Math.ceil(graceMs / 1000) });
    this.#ending = "stopped";
  }

  async dispose(): Promise<void> {
    await this.kill();
    await this.#started?.stop();
    this.#started = undefined;
    this.#container = undefined;
  }

  async #create(): Promise<void> {
    const { image, args, env, dir, name } = this.#launch;
    if (image === undefined) throw new Error(`${name} has no container image`);
    // Imported here: the library takes half a second to load, and most runs use binaries.
    const { GenericContainer, getContainerRuntimeClient } = await import("testcontainers");
    const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
    this.#started = await new GenericContainer(image.name)
      .withEntrypoint([image.command])
      .withCommand([...args])
      .withEnvironment({ ...env, HOME: dir })
      .withUser(user)
      .withWorkingDir(dir)
      .withNetworkMode("host")
      .withBindMounts([{ source: dir, target: dir }])
      // A killed container must still be there to be started again.
      .withAutoRemove(false)
      .start();
    const client = await getContainerRuntimeClient();
    this.#container = client.container.getById(this.#started.getId());
  }

  async #followLog(): Promise<void> {
    mkdirSync(dirname(this.#launch.logFile), { recursive: true });
    const stream = await this.#container?.logs({ follow: true, stdout: true, stderr: true, tail: 200 });
    stream?.pipe(createWriteStream(this.#launch.logFile, { flags: "a", mode: 0o600 }));
    stream?.once("end", () => {
      this.#ending ??= "the container ended";
    });
  }

  async #isRunning(): Promise<boolean> {
    return (await this.#container?.inspect())?.State.Running === true;
  }
}
