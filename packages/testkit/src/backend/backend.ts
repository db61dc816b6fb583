// Owns: what a server needs from whatever runs it: a child process or a container.

/** What to run. Paths in `args` lie in `dir`, which a container sees at the same place. */
export interface Launch {
  /** For messages and file names, e.g. `nats-server`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment beside PATH, HOME and TMPDIR: a server under test gets none of the caller's secrets. */
  readonly env: Readonly<Record<string, string>>;
  readonly dir: string;
  readonly logFile: string;
  /** With which image and command a container runs it. */
  readonly image?: { readonly name: string; readonly command: string };
}

/** Runs one server, which may end and be started again. */
export interface Backend {
  /** Of the server itself, not of a shell around it; undefined while it is down or in a container. */
  readonly pid: number | undefined;
  /** How the last run ended, or undefined while it runs (or was never started). */
  readonly ending: string | undefined;
  start(): Promise<void>;
  /** SIGKILL; resolves when the process is gone. Nothing happens where it is down. */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** SIGTERM, and SIGKILL after `graceMs`. */
  stop(graceMs: number): Promise<void>;
  /** Lets go of whatever `stop` keeps for a next start. */
  dispose(): Promise<void>;
}
