// Owns: the real `bao` command, called as a person calls it in a shell, with a home of its own.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { ensureServers } from "@keyferry/server-binaries";

const COMMAND_MS_MAX = 60_000;

export interface Printed {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export class BaoShell {
  readonly #dir: string;
  readonly #env: Readonly<Record<string, string>>;

  constructor(dir: string, env: Readonly<Record<string, string>>) {
    this.#dir = dir;
    this.#env = env;
  }

  /** Types a line into a shell, whatever its exit code. */
  async type(line: string): Promise<Printed> {
    const child = spawn("sh", ["-c", line], {
      cwd: this.#dir,
      env: this.#env,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: COMMAND_MS_MAX,
    });
    let out = "";
    let err = "";
    child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")));
    child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString("utf8")));
    const [code] = (await once(child, "close")) as [number | null];
    return { code, out, err };
  }

  /** As `type`, but a command that fails is an error with what it printed. Gives its standard output. */
  async run(line: string): Promise<string> {
    const { code, out, err } = await this.type(line);
    if (code !== 0) throw new Error(`${line}\nended with ${code}:\n${out}${err}`);
    return out;
  }

  /** As `run`; gives the JSON that it printed. The shell was opened with the format `json`. */
  async json(line: string): Promise<unknown> {
    const out = await this.run(line);
    try {
      return JSON.parse(out) as unknown;
    } catch {
      throw new Error(`${line}\nprinted no JSON:\n${out}`);
    }
  }
}

/** A shell with `bao` on its PATH and with Vault's variables, as README says to export them. */
export async function openBaoShell(
  dir: string,
  target: { readonly address: string; readonly token: string; readonly format: "json" | "table" },
): Promise<BaoShell> {
  const { bao } = await ensureServers({ only: ["bao"] });
  const bin = join(dir, "bin");
  await mkdir(bin, { recursive: true });
  await symlink(bao.path, join(bin, "bao"));
  return new BaoShell(dir, {
    ...bao.env,
    PATH: `${bin}:${process.env["PATH"] ?? ""}`,
    HOME: dir,
    VAULT_ADDR: target.address,
    VAULT_TOKEN: target.token,
    VAULT_FORMAT: target.format,
  });
}
