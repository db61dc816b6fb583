// Owns: the Key Vault emulator for a test: in the test's own process, with the oracle, faults and clock at hand, or as
// a process of its own, which can be killed and paused and is then reached by its control API.

import {
  type KeyVaultEmulator,
  type KeyVaultEmulatorOptions,
  startKeyVaultEmulator,
} from "@keyferry/key-vault-emulator";
import { readFile, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { join, resolve } from "node:path";
import { ChildBackend } from "../backend/child-backend.ts";
import { freePort } from "../free-port.ts";
import { openServerFolder } from "../server-folder.ts";
import { launch, Server, type ServerParts } from "./server.ts";

const COMMAND = resolve(import.meta.dirname, "../../../key-vault-emulator/src/cli.ts");
const CALL_MS_MAX = 30_000;

/** Starts the emulator in this process, on a port that stays free for a next start after `close()`. */
export async function startKeyVault(options: KeyVaultEmulatorOptions = {}): Promise<KeyVaultEmulator> {
  return await startKeyVaultEmulator({ ...options, port: options.port ?? (await freePort()) });
}

export interface KeyVaultProcessOptions {
  /** The emulator's own options. Vaults are kept over `restart` and `kill` where `persistent` is set. */
  readonly emulator?: Omit<KeyVaultEmulatorOptions, "port" | "caFile" | "stateFile">;
  readonly persistent?: boolean;
  /** A port of the caller's choice; a free one by default. */
  readonly port?: number;
  /** A folder that outlives the process; by default one that is removed with it. */
  readonly dir?: string;
  /** By default `key-vault.log` in the folder. */
  readonly logFile?: string;
}

export class KeyVaultProcess extends Server {
  readonly port: number;
  /** The authority's certificate; each start writes it anew. */
  readonly caFile: string;
  /** For credentials: `https://localhost:PORT`. */
  readonly authorityHost: string;
  /** `https://localhost:PORT/_emulator` */
  readonly controlUrl: string;
  readonly #vaultSuffix: string;

  constructor(parts: ServerParts, facts: { port: number; caFile: string; vaultSuffix: string }) {
    super(parts);
    this.port = facts.port;
    this.caFile = facts.caFile;
    this.authorityHost = `https://localhost:${facts.port}`;
    this.controlUrl = `${this.authorityHost}/_emulator`;
    this.#vaultSuffix = facts.vaultSuffix;
  }

  /** `https://{name}.vault.azure.net:PORT`; that host must be resolved to 127.0.0.1. */
  vaultUrl(name: string): string {
    return `https://${name}.${this.#vaultSuffix}:${this.port}`;
  }

  /**
   * One call of the control API, e.g. `control("GET", "secrets?vault=kv-a&reveal=true")`.
   * @throws Error with status and body where the answer is not 2xx
   */
  async control(method: string, path: string, body?: unknown): Promise<unknown> {
    return await callControl(this.port, await readFile(this.caFile), { method, path, body });
  }
}

/** Starts the emulator as a process of its own. */
export async function startKeyVaultProcess(options: KeyVaultProcessOptions = {}): Promise<KeyVaultProcess> {
  const folder = await openServerFolder("key-vault", options.dir);
  const logFile = options.logFile ?? join(folder.path, "key-vault.log");
  const files = {
    config: join(folder.path, "key-vault.json"),
    ready: join(folder.path, "key-vault.ready.json"),
    ca: join(folder.path, "ca.pem"),
  };
  return await launch(folder, options.port !== undefined, async () => {
    const port = options.port ?? (await freePort());
    const state = options.persistent === true ? { stateFile: join(folder.path, "vaults.json") } : {};
    const settings: KeyVaultEmulatorOptions = { ...options.emulator, ...state, port, caFile: files.ca };
    await writeFile(files.config, JSON.stringify(settings), { mode: 0o600 });
    const backend = new ChildBackend({
      name: "key-vault",
      command: process.execPath,
      args: [COMMAND, "--config", files.config, "--ready-file", files.ready],
      env: {},
      dir: folder.path,
      logFile,
    });
    // The file of an earlier run names that run's pid.
    const probe = async () => (await readReady(files.ready)).pid === backend.pid;
    const parts = { name: "key-vault", backend, folder, logFile, ports: [port], probe };
    const vaultSuffix = settings.vaultSuffix ?? "vault.azure.net";
    return new KeyVaultProcess(parts, { port, caFile: files.ca, vaultSuffix });
  });
}

async function readReady(file: string): Promise<{ pid?: number }> {
  return JSON.parse(await readFile(file, "utf8")) as { pid?: number };
}

interface ControlCall {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

async function callControl(port: number, ca: Buffer, { method, path, body }: ControlCall): Promise<unknown> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  return await new Promise((resolveAnswer, reject) => {
    const headers = payload === undefined ? {} : { "content-type": "application/json" };
    const target = {
      host: "127.0.0.1",
      port,
      servername: "localhost",
      ca,
      method,
      path: `/_emulator/${path}`,
    };
    const call = request(
      { ...target, headers: { ...headers, host: `localhost:${port}` }, agent: false, timeout: CALL_MS_MAX },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.once("error", reject);
        answer.once("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          const status = answer.statusCode ?? 0;
          if (status < 200 || status > 299)
            reject(new Error(`${method} ${path} answered ${status}: ${text}`));
          else resolveAnswer(text === "" ? undefined : (JSON.parse(text) as unknown));
        });
      },
    );
    call.once("timeout", () => call.destroy(new Error(`${method} ${path}: no answer in ${CALL_MS_MAX} ms`)));
    call.once("error", reject);
    call.end(payload);
  });
}
