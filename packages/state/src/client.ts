// Owns: which Redis is talked to and how: one server, the primary that Sentinel names, or a Cluster. In each mode a
// command is sent once and answered soon or refused: nothing queues and nothing is sent again (redis.ts says why).
import { readFileSync } from "node:fs";
import { getCACertificates } from "node:tls";
import { KeyferryError } from "@keyferry/errors";
import type { SecretValue } from "@keyferry/ports";
import { Cluster, Redis } from "ioredis";

export interface ClientOptions {
  /**
   * `redis://` or, with TLS, `rediss://`. With Sentinel its host is the primary's name there; with a Cluster it is one of
   * the nodes. User, password and TLS are for every node.
   */
  readonly url: SecretValue | string;
  readonly caFile?: string | undefined;
  /** `redis://host:port` of each Sentinel, `rediss://` where it speaks TLS. */
  readonly sentinels?: readonly string[] | undefined;
  readonly sentinelPassword?: SecretValue | undefined;
  /** `redis://host:port` of more nodes of a Cluster; with it, `url` names a node of the Cluster. */
  readonly cluster?: readonly string[] | undefined;
}

export type Client = Redis | Cluster;

const COMMAND_MS_MAX = 1_500; // a script takes well under a millisecond; a Redis that is slower is as good as away
const CONNECT_MS_MAX = 3_000;
const SILENCE_MS_MAX = 5_000; // with commands under way; then the connection is made anew
const RECONNECT_MS_MIN = 50;
const RECONNECT_MS_MAX = 2_000;
const PORT = 6_379;
const SENTINEL_PORT = 26_379;
/** After a reshard an answer can say twice where the slot is now; more is a Cluster that does not agree with itself. */
const REDIRECTIONS_MAX = 4;

/** Opens the client; it connects, and connects again, in the background for ever. Throws `config-invalid`. */
export function openClient(options: ClientOptions): Client {
  const url = urlOf(options);
  if (options.sentinels !== undefined && options.cluster !== undefined) {
    throw new KeyferryError("config-invalid", "redis.sentinels and redis.cluster exclude each other");
  }
  if (options.cluster !== undefined) return openCluster(url, options.cluster, options);
  if (options.sentinels !== undefined) return openSentinel(url, options.sentinels, options);
  return new Redis({ ...common(url, options), ...placeOf(url, PORT), retryStrategy: reconnectMs });
}

/** Every server that takes writes. */
export function primariesOf(client: Client): readonly Redis[] {
  return client instanceof Cluster ? client.nodes("master") : [client];
}

function openSentinel(url: URL, sentinels: readonly string[], options: ClientOptions): Redis {
  const { caFile, sentinelPassword } = options;
  const addresses = sentinels.map((text) => new URL(text));
  const sentinelOptions = {
    sentinels: addresses.map((address) => placeOf(address, SENTINEL_PORT)),
    name: url.hostname,
    ...(sentinelPassword === undefined ? {} : { sentinelPassword: sentinelPassword.reveal() }),
    ...(addresses.some(isSecure) ? { enableTLSForSentinelMode: true, sentinelTLS: tlsOf(caFile) } : {}),
    // Told of a fail-over by the Sentinels: a primary that is cut off would otherwise be talked to until it is back.
    failoverDetector: true,
    sentinelRetryStrategy: reconnectMs,
    sentinelReconnectStrategy: reconnectMs,
    sentinelCommandTimeout: COMMAND_MS_MAX,
  };
  return new Redis({ ...common(url, options), ...sentinelOptions, retryStrategy: reconnectMs });
}

function openCluster(url: URL, nodes: readonly string[], options: ClientOptions): Cluster {
  const seeds = [url, ...nodes.map((text) => new URL(text))].map((address) => placeOf(address, PORT));
  const secure = isSecure(url);
  return new Cluster(seeds, {
    redisOptions: common(url, options),
    enableOfflineQueue: false,
    clusterRetryStrategy: reconnectMs,
    slotsRefreshTimeout: COMMAND_MS_MAX,
    slotsRefreshInterval: SILENCE_MS_MAX,
    maxRedirections: REDIRECTIONS_MAX,
    // Not zero would be "send it again after so long": a token taken twice, a lock that nobody holds.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    // The names in the certificates are those that the nodes announce; addresses would not match them.
    ...(secure ? { dnsLookup: (address: string, done: Looked) => done(null, address) } : {}),
  });
}

type Looked = (error: NodeJS.ErrnoException | null, address: string) => void;

function common(url: URL, { caFile }: ClientOptions) {
  const database = Number(url.pathname.slice(1));
  return {
    connectionName: "keyferry",
    connectTimeout: CONNECT_MS_MAX,
    commandTimeout: COMMAND_MS_MAX,
    socketTimeout: SILENCE_MS_MAX,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    enableAutoPipelining: true,
    maxRetriesPerRequest: 0,
    // A primary that became a replica: what is connected to it has to look for the new one.
    reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
    ...(url.username === "" ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === "" ? {} : { password: decodeURIComponent(url.password) }),
    ...(database > 0 ? { db: database } : {}),
    ...(isSecure(url) ? { tls: tlsOf(caFile) } : {}),
  };
}

function reconnectMs(times: number): number {
  return Math.min(RECONNECT_MS_MAX, RECONNECT_MS_MIN * 2 ** Math.min(times, 10));
}

function placeOf({ hostname, port }: URL, fallbackPort: number): { host: string; port: number } {
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return { host, port: port === "" ? fallbackPort : Number(port) };
}

function isSecure({ protocol }: URL): boolean {
  return protocol === "rediss:";
}

function urlOf({ url }: ClientOptions): URL {
  const text = typeof url === "string" ? url : url.reveal();
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  // Without the text: it can hold a password.
  if (parsed !== undefined && (parsed.protocol === "redis:" || parsed.protocol === "rediss:")) return parsed;
  throw new KeyferryError(
    "config-invalid",
    "redis.url is not of the form redis[s]://[user:password@]host:port[/db]",
  );
}

function tlsOf(caFile: string | undefined): { ca?: string[] } {
  if (caFile === undefined) return {};
  try {
    return { ca: [...getCACertificates("default"), readFileSync(caFile, "utf8")] };
  } catch {
    throw new KeyferryError("config-invalid", `The CA file of Redis cannot be read: ${caFile}`);
  }
}
