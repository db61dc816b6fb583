// Owns: the sockets: how many, which certificates are trusted, where they may lead. An emulator changes where they lead and
// nothing else: URL, Host header, server name and certificate check stay those of the real vault, so that the same code
// runs against both.
import { readFileSync } from "node:fs";
import { Agent, type AgentOptions } from "node:https";
import { getCACertificates } from "node:tls";
import type { LookupFunction } from "node:net";
import { KeyferryError } from "@keyferry/errors";

export interface ConnectionOptions {
  /** PEM file or text of authorities to trust besides the system's (for an emulator: instead of them). */
  readonly caFile?: string | undefined;
  readonly ca?: string | undefined;
  readonly emulator?: { readonly address: string } | undefined;
  readonly maxSockets: number;
  /** Judges where a name leads to. An emulator, whose address the server's configuration has, is not asked about. */
  readonly lookup?: LookupFunction | undefined;
}

/** Shorter than any server keeps an idle connection, so that a request rarely meets one that is being closed. */
const IDLE_SOCKET_MS = 20_000;

/** The agent for a vault or for an authority. Throws `config-invalid` for an unreadable CA or a bad address. */
export function createAgent(options: ConnectionOptions): Agent {
  const own = authorities(options);
  const emulator = options.emulator === undefined ? undefined : parseAddress(options.emulator.address);
  const system = emulator === undefined ? getCACertificates("default") : [];
  const agentOptions: AgentOptions = {
    keepAlive: true,
    maxSockets: options.maxSockets,
    maxFreeSockets: options.maxSockets,
    timeout: IDLE_SOCKET_MS,
    scheduling: "lifo",
    minVersion: "TLSv1.2",
    ...(options.lookup === undefined ? {} : { lookup: options.lookup }),
    ...(own.length === 0 ? {} : { ca: [...system, ...own] }),
  };
  return emulator === undefined ? new Agent(agentOptions) : new RedirectingAgent(agentOptions, emulator);
}

interface Address {
  readonly host: string;
  readonly port: number;
}

class RedirectingAgent extends Agent {
  readonly #address: Address;

  constructor(options: AgentOptions, address: Address) {
    super(options);
    this.#address = address;
  }

  override createConnection(
    ...[options, callback]: Parameters<Agent["createConnection"]>
  ): ReturnType<Agent["createConnection"]> {
    // `servername` was set from the Host header before this, so the certificate is still checked for the real name.
    return super.createConnection({ ...options, ...this.#address }, callback);
  }
}

function authorities(options: ConnectionOptions): string[] {
  const pem = options.ca === undefined ? [] : [options.ca];
  if (options.caFile === undefined) return pem;
  try {
    return [...pem, readFileSync(options.caFile, "utf8")];
  } catch {
    throw new KeyferryError("config-invalid", `The CA file of Azure cannot be read: ${options.caFile}`);
  }
}

function parseAddress(address: string): Address {
  const match = /^(\[[0-9a-f:.]+\]|[^:[\]/@]+):(\d{1,5})$/i.exec(address);
  const port = Number(match?.[2]);
  if (match?.[1] === undefined || port < 1 || port > 65_535) {
    throw new KeyferryError(
      "config-invalid",
      "The address of the Key Vault emulator is not of the form host:port",
    );
  }
  return { host: match[1].replace(/^\[|\]$/g, ""), port };
}
