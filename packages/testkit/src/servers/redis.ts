// Owns: a real Redis (or Valkey) for a test: one node, or a replica of another.

import { connect } from "node:net";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeServerCertificate } from "@keyferry/key-vault-emulator";
import { chooseBackend } from "../backend/choose-backend.ts";
import { freePort } from "../free-port.ts";
import { openServerFolder } from "../server-folder.ts";
import { launch, Server, type ServerParts } from "./server.ts";

const PING_MS_MAX = 1_000;

export interface RedisOptions {
  /** Keeps data over `restart` and `kill` (append-only file, written through). Without it Redis forgets. */
  readonly persistent?: boolean;
  readonly replicaOf?: { readonly port: number };
  /** A port of the caller's choice; a free one by default. */
  readonly port?: number;
  /** A folder that outlives the server; by default one that is removed with it. */
  readonly dir?: string;
  /** By default `redis.log` in the folder. */
  readonly logFile?: string;
  /** Listens with TLS as well, with a certificate of its own for localhost and 127.0.0.1. */
  readonly tls?: boolean;
  /** Runs as a Sentinel by this file, which says everything, `port` and `dir` included; other options have no effect. */
  readonly sentinelFile?: string;
  /** More of `redis-server`'s options, e.g. `["--maxmemory", "2mb"]`; they win over the kit's. */
  readonly args?: readonly string[];
}

export class RedisServer extends Server {
  readonly host = "127.0.0.1";
  readonly port: number;
  /** `redis://127.0.0.1:PORT` */
  readonly url: string;
  /** Where it listens with TLS, `rediss://127.0.0.1:PORT`, and the authority that vouches for it. */
  readonly tls: { readonly url: string; readonly caFile: string } | undefined;

  constructor(parts: ServerParts, port: number, tls?: TlsFiles) {
    super(parts);
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.tls = tls && { url: `rediss://127.0.0.1:${tls.port}`, caFile: tls.ca };
  }
}

/** Starts a Redis that answers PING when this resolves. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const folder = await openServerFolder("redis", options.dir);
  const logFile = options.logFile ?? join(folder.path, "redis.log");
  return await launch(folder, options.port !== undefined, async () => {
    const port = options.port ?? (await freePort());
    const { sentinelFile } = options;
    const tls = options.tls === true ? await writeTlsFiles(folder.path) : undefined;
    const args =
      sentinelFile === undefined
        ? [...(await redisArguments(options, port, join(folder.path, "data"))), ...tlsArguments(tls)]
        : [sentinelFile, "--sentinel"];
    const backend = await chooseBackend({
      name: "redis",
      server: "redis-server",
      args,
      dir: folder.path,
      logFile,
    });
    return new RedisServer(
      { name: "redis", backend, folder, logFile, ports: [port], probe: () => answersPing(port) },
      port,
      tls,
    );
  });
}

interface TlsFiles {
  readonly port: number;
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

async function writeTlsFiles(dir: string): Promise<TlsFiles> {
  const { caPem, certPem, keyPem } = await makeServerCertificate(["localhost"]);
  const files = { ca: join(dir, "ca.pem"), certificate: join(dir, "redis.pem"), key: join(dir, "redis.key") };
  await writeFile(files.ca, caPem);
  await writeFile(files.certificate, certPem);
  await writeFile(files.key, keyPem, { mode: 0o600 });
  return { ...files, port: await freePort() };
}

function tlsArguments(tls: TlsFiles | undefined): string[] {
  if (tls === undefined) return [];
  const { port, ca, certificate, key } = tls;
  const files = ["--tls-ca-cert-file", ca, "--tls-cert-file", certificate, "--tls-key-file", key];
  return ["--tls-port", String(port), ...files, "--tls-auth-clients", "no"];
}

async function redisArguments(options: RedisOptions, port: number, data: string): Promise<string[]> {
  await mkdir(data, { recursive: true });
  const persistence =
    options.persistent === true ? ["--appendonly", "yes", "--appendfsync", "always"] : ["--appendonly", "no"];
  const replication =
    options.replicaOf === undefined ? [] : ["--replicaof", "127.0.0.1", String(options.replicaOf.port)];
  return [
    "--port",
    String(port),
    "--bind",
    "127.0.0.1",
    "--dir",
    data,
    "--save",
    "",
    // What the services ask of production too: Redis holds their working memory, so it must refuse, not forget.
    "--maxmemory-policy",
    "noeviction",
    ...persistence,
    // A replica that has just connected gets its copy at once; by default the primary waits 5 s for more of them.
    "--repl-diskless-sync-delay",
    "0",
    ...replication,
    ...(options.args ?? []),
  ];
}

/** PING in the protocol's inline form, so that the kit needs no client. LOADING and MASTERDOWN are "not yet". */
async function answersPing(port: number): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, timeout: PING_MS_MAX });
    let answer = "";
    socket.once("connect", () => socket.write("PING\r\n"));
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
      if (!answer.includes("\r\n")) return;
      socket.destroy();
      resolve(answer.startsWith("+PONG"));
    });
    socket.once("timeout", () => socket.destroy(new Error("no answer to PING")));
    socket.once("error", reject);
    socket.once("close", () => resolve(false));
  });
}
