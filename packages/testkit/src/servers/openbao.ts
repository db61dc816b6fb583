// Owns: a real OpenBao for a test, with a file audit device and KVv2 at `secret/`: a dev server, which forgets on
// restart, or a single raft node, which keeps its data and is unsealed by the kit.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { chooseBackend } from "../backend/choose-backend.ts";
import { freePort } from "../free-port.ts";
import { openServerFolder } from "../server-folder.ts";
import { OpenBaoOperator } from "./openbao-operator.ts";
import { launch, Server, type ServerParts } from "./server.ts";

const ROOT_TOKEN = "root";

export interface OpenBaoOptions {
  /** Keeps data over `restart` and `kill`. A dev server (the default) starts faster and forgets. */
  readonly persistent?: boolean;
  /** `root` by default. */
  readonly rootToken?: string;
  /** A port of the caller's choice; a free one by default. */
  readonly port?: number;
  /** A folder that outlives the server; by default one that is removed with it. */
  readonly dir?: string;
  /** By default `openbao.log` in the folder. */
  readonly logFile?: string;
  /** By default `audit.log` in the folder. */
  readonly auditFile?: string;
  /** More configuration in HCL, e.g. another audit device. */
  readonly config?: string;
  /** A persistent server whose cluster this one joins as a standby; it has that one's root token and data. */
  readonly joins?: OpenBaoServer;
}

export class OpenBaoServer extends Server {
  readonly port: number;
  /** `http://127.0.0.1:PORT`, to be used as VAULT_ADDR. */
  readonly url: string;
  readonly rootToken: string;
  /** The file audit device: a JSON object a line, requests and responses. */
  readonly auditFile: string;

  constructor(parts: ServerParts, facts: { port: number; rootToken: string; auditFile: string }) {
    super(parts);
    this.port = facts.port;
    this.url = `http://127.0.0.1:${facts.port}`;
    this.rootToken = facts.rootToken;
    this.auditFile = facts.auditFile;
  }
}

/** Starts an OpenBao that is unsealed and has `secret/` when this resolves. */
export async function startOpenBao(options: OpenBaoOptions = {}): Promise<OpenBaoServer> {
  const folder = await openServerFolder("openbao", options.dir);
  const logFile = options.logFile ?? join(folder.path, "openbao.log");
  const auditFile = options.auditFile ?? join(folder.path, "audit.log");
  const { joins } = options;
  const rootToken = joins?.rootToken ?? options.rootToken ?? ROOT_TOKEN;
  const persistent = options.persistent === true || joins !== undefined;
  return await launch(folder, options.port !== undefined, async () => {
    const port = options.port ?? (await freePort());
    const configFile = join(folder.path, "openbao.hcl");
    const stanzas = [auditStanza(auditFile), options.config ?? ""];
    if (persistent) stanzas.push(await raftStanzas(folder.path, port, joins?.url));
    await writeFile(configFile, stanzas.join("\n"));
    const args = persistent ? ["server", `-config=${configFile}`] : devArguments(configFile, port, rootToken);
    const backend = await chooseBackend({ name: "openbao", server: "bao", args, dir: folder.path, logFile });
    // The keys of a cluster lie in the folder of the server that made it.
    const operator = new OpenBaoOperator(`http://127.0.0.1:${port}`, joins?.dir ?? folder.path, rootToken);
    const probe = async () => {
      if (joins !== undefined) return await operator.bringUpStandby();
      return persistent ? await operator.bringUp() : await operator.isReady();
    };
    return new OpenBaoServer(
      { name: "openbao", backend, folder, logFile, ports: [port], probe },
      { port, rootToken, auditFile },
    );
  });
}

function devArguments(configFile: string, port: number, rootToken: string): string[] {
  return [
    "server",
    "-dev",
    `-dev-root-token-id=${rootToken}`,
    `-dev-listen-address=127.0.0.1:${port}`,
    // Without it the server writes the token into the home of whoever runs the tests.
    "-dev-no-store-token",
    `-config=${configFile}`,
  ];
}

/** Declared in the configuration, because OpenBao refuses audit devices that are made by API (reference 2.6). */
function auditStanza(auditFile: string): string {
  return `audit "file" "keyferry" {
  options {
    file_path            = ${JSON.stringify(auditFile)}
    mode                 = "0600"
    hmac_accessor        = "false"
    elide_list_responses = "true"
  }
}`;
}

async function raftStanzas(dir: string, port: number, leaderUrl: string | undefined): Promise<string> {
  const data = join(dir, "raft");
  await mkdir(data, { recursive: true });
  const clusterPort = await freePort();
  return `storage "raft" {
  path                   = ${JSON.stringify(data)}
  node_id                = "keyferry-${port}"
  performance_multiplier = 1
${leaderUrl === undefined ? "" : `  retry_join { leader_api_addr = ${JSON.stringify(leaderUrl)} }`}
}
listener "tcp" {
  address         = "127.0.0.1:${port}"
  cluster_address = "127.0.0.1:${clusterPort}"
  tls_disable     = true
}
api_addr     = "http://127.0.0.1:${port}"
cluster_addr = "http://127.0.0.1:${clusterPort}"`;
}
