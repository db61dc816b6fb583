// Redis as it is run in production: a primary with a replica that Sentinels watch, and a small Cluster. As plain
// redis-server processes; the binary is the kit's or the one on PATH.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually, freePort, type RedisServer, startRedis } from "@keyferry/testkit";
import { Redis } from "ioredis";

const PRIMARY = "keyferry-primary";
/** How long the Sentinels wait before they call a silent primary down. */
const DOWN_AFTER_MS = 500;

async function ask(port: number, ...words: readonly [string, ...string[]]): Promise<unknown> {
  const client = new Redis({ host: "127.0.0.1", port, lazyConnect: true, maxRetriesPerRequest: 0 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    const [command, ...args] = words;
    return await client.call(command, ...args);
  } finally {
    client.disconnect();
  }
}

export interface SentinelWorld extends AsyncDisposable {
  /** For `redis.url`: its host is the primary's name. */
  readonly url: string;
  readonly sentinels: readonly string[];
  readonly primary: RedisServer;
  readonly replica: RedisServer;
}

/** A primary, a replica and three Sentinels of which two have to agree. */
export async function startSentinels(password?: string): Promise<SentinelWorld> {
  const primary = await startRedis();
  const replica = await startRedis({ replicaOf: { port: primary.port } });
  if (password !== undefined) {
    // Once they are up: the kit looks whether they are without a password. The replica first, as it asks for it.
    for (const { port } of [replica, primary]) {
      await ask(port, "CONFIG", "SET", "masterauth", password, "requirepass", password);
    }
  }
  const servers = [primary, replica];
  const ports: number[] = [];
  for (let count = 0; count < 3; count += 1) {
    const port = await freePort();
    const file = join(primary.dir, `sentinel-${port}.conf`);
    const auth = password === undefined ? "" : `sentinel auth-pass ${PRIMARY} ${password}\n`;
    await writeFile(
      file,
      `port ${port}\nbind 127.0.0.1\ndir ${primary.dir}\n` +
        `sentinel monitor ${PRIMARY} 127.0.0.1 ${primary.port} 2\n${auth}` +
        `sentinel down-after-milliseconds ${PRIMARY} ${DOWN_AFTER_MS}\nsentinel failover-timeout ${PRIMARY} 3000\n`,
    );
    servers.push(await startRedis({ port, sentinelFile: file }));
    ports.push(port);
  }
  await eventually(
    async () => {
      const known = await Promise.all(
        ports.map((port) => ask(port, "SENTINEL", "CKQUORUM", PRIMARY).catch(() => "")),
      );
      const replicas = await Promise.all(ports.map((port) => ask(port, "SENTINEL", "REPLICAS", PRIMARY)));
      return (
        known.every((text) => String(text).startsWith("OK 3")) &&
        replicas.every((list) => Array.isArray(list) && list.length === 1)
      );
    },
    { what: "the Sentinels to know each other and the replica", timeoutMs: 30_000 },
  );
  const secret = password === undefined ? "" : `:${password}@`;
  return {
    url: `redis://${secret}${PRIMARY}`,
    sentinels: ports.map((port) => `redis://127.0.0.1:${port}`),
    primary,
    replica,
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.toReversed().map((server) => server.stop()));
    },
  };
}

export interface ClusterWorld extends AsyncDisposable {
  readonly url: string;
  readonly nodes: readonly string[];
  readonly servers: readonly RedisServer[];
}

/** Three primaries that share the slots. */
export async function startCluster(args: readonly string[] = []): Promise<ClusterWorld> {
  const servers = await Promise.all(
    [0, 1, 2].map(() =>
      startRedis({ args: ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", ...args] }),
    ),
  );
  const slots = [
    [0, 5_460],
    [5_461, 10_922],
    [10_923, 16_383],
  ] as const;
  for (const [index, server] of servers.entries()) {
    const [from, to] = slots[index] ?? [0, 0];
    await ask(server.port, "CLUSTER", "ADDSLOTSRANGE", String(from), String(to));
    await ask(server.port, "CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
  }
  const [first] = servers;
  if (first === undefined) throw new Error("no servers");
  for (const server of servers.slice(1)) {
    await ask(server.port, "CLUSTER", "MEET", "127.0.0.1", String(first.port));
  }
  await eventually(
    async () => {
      const infos = await Promise.all(servers.map(({ port }) => ask(port, "CLUSTER", "INFO")));
      return infos.every(
        (info) => String(info).includes("cluster_state:ok") && String(info).includes("cluster_known_nodes:3"),
      );
    },
    { what: "the Cluster to agree", timeoutMs: 30_000 },
  );
  return {
    url: first.url,
    nodes: servers.slice(1).map(({ url }) => url),
    servers,
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}
