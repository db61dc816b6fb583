// Owns: running a server as a child process under the watchdog, with its output in a file.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import type { Backend, Launch } from "./backend.ts";
import { guardProcess, releaseProcess } from "./watchdog.ts";

export class ChildBackend implements Backend {
  readonly #launch: Launch;
  #child: ChildProcess | undefined;
  #ending: string | undefined;

  constructor(launch: Launch) {
    this.#launch = launch;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get ending(): string | undefined {
    return this.#ending;
  }

  async start(): Promise<void> {
    if (this.#child !== undefined) throw new Error(`${this.#launch.name} is already running`);
    this.#ending = undefined;
    const { command, args, dir, logFile } = this.#launch;
    mkdirSync(dirname(logFile), { recursive: true });
    // Server logs may hold a development root token, so they are for their owner only.
    const log = openSync(logFile, "a", 0o600);
    const child = spawn(command, args, {
      cwd: dir,
      env: childEnvironment(this.#launch),
      stdio: ["ignore", log, log],
      // A process group of its own: Ctrl-C in the terminal reaches the caller, who then stops servers in order.
      detached: true,
    });
    closeSync(log);
    child.once("exit", (code, signal) => {
      if (child.pid !== undefined) releaseProcess(child.pid);
      this.#ending = signal === null ? `exit code ${code ?? "unknown"}` : `signal ${signal}`;
      this.#child = undefined;
    });
    this.#child = child;
    if (child.pid !== undefined) guardProcess(child.pid);
    try {
      await once(child, "spawn");
    } catch (error) {
      this.#child = undefined;
      throw error;
    }
    // A forgotten server must not keep a test process alive; the watchdog ends it.
    child.unref();
  }

  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async pause(): Promise<void> {
    this.#signal("SIGSTOP");
  }

  async resume(): Promise<void> {
    this.#signal("SIGCONT");
  }

  async stop(graceMs: number): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
    try {
      // A paused process takes SIGTERM only once it continues.
      const ended = this.#end("SIGTERM");
      child.kill("SIGCONT");
      await ended;
    } finally {
      clearTimeout(timer);
    }
  }

  async dispose(): Promise<void> {
    await this.kill();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.ref();
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#child === undefined) throw new Error(`${this.#launch.name} is not running`);
    this.#child.kill(signal);
  }
}

function childEnvironment(launch: Launch): NodeJS.ProcessEnv {
  const kept = ["PATH", "LANG", "TZ", "NODE_V8_COVERAGE", "NODE_COMPILE_CACHE"].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(kept), HOME: launch.dir, TMPDIR: launch.dir, ...launch.env };
}
