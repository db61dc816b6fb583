// Owns: Redis as production has it: a primary, a replica, and three Sentinels of which two have to agree.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually, freePort, type RedisServer, startRedis } from "@keyferry/testkit";
import { primaryPort, redisCall } from "../wire/short-calls.ts";

const PRIMARY = "keyferry";
const DOWN_AFTER_MS = 2_000;
const FAILOVER_MS_MAX = 6_000;

export interface RedisSet extends AsyncDisposable {
  readonly url: string;
  readonly sentinelUrls: readonly string[];
  readonly nodes: readonly RedisServer[];
  /** The node that the Sentinels hold for the primary now. */
  primary(): Promise<RedisServer>;
  /** Asks a Sentinel for an orderly change of the primary. */
  failOver(): Promise<void>;
}

/** Starts all five; they know one another when this resolves. */
export async function startRedisSet(dir: string): Promise<RedisSet> {
  const logFile = (name: string): string => join(dir, `${name}.log`);
  const first = await startRedis({
    dir: join(dir, "redis-1"),
    persistent: true,
    logFile: logFile("redis-1"),
  });
  const second = await startRedis({
    dir: join(dir, "redis-2"),
    persistent: true,
    replicaOf: { port: first.port },
    logFile: logFile("redis-2"),
  });
  const sentinels = await Promise.all([1, 2, 3].map((number) => startSentinel(dir, number, first.port)));
  await eventually(
    async () => {
      const quorum = await Promise.all(
        sentinels.map(({ port }) => redisCall(port, "SENTINEL", "CKQUORUM", PRIMARY)),
      );
      const replication = await redisCall(first.port, "INFO", "replication");
      return quorum.every((text) => text.startsWith("+OK 3")) && replication.includes("connected_slaves:1");
    },
    { what: "the Sentinels to know one another and the replica", timeoutMs: 60_000 },
  );
  const nodes = [first, second];
  const sentinelPorts = sentinels.map(({ port }) => port);
  const primary = async (): Promise<RedisServer> => {
    const port = await primaryPort(sentinelPorts[0] ?? 0, PRIMARY);
    const node = nodes.find((one) => one.port === port);
    if (node === undefined) throw new Error(`the Sentinel names port ${port}, where no node of ours is`);
    return node;
  };
  return {
    url: `redis://${PRIMARY}`,
    sentinelUrls: sentinels.map(({ url }) => url),
    nodes,
    primary,
    failOver: async () => {
      const answer = await redisCall(sentinelPorts[0] ?? 0, "SENTINEL", "FAILOVER", PRIMARY);
      if (!answer.startsWith("+OK")) throw new Error(`SENTINEL FAILOVER answered ${answer.trim()}`);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...sentinels, ...nodes].map((server) => server.stop()));
    },
  };
}

async function startSentinel(dir: string, number: number, port: number): Promise<RedisServer> {
  const own = await freePort();
  const file = join(dir, `sentinel-${number}.conf`);
  const lines = [
    `port ${own}`,
    "bind 127.0.0.1",
    `dir ${dir}`,
    `sentinel monitor ${PRIMARY} 127.0.0.1 ${port} 2`,
    `sentinel down-after-milliseconds ${PRIMARY} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${PRIMARY} ${FAILOVER_MS_MAX}`,
  ];
  await writeFile(file, `${lines.join("\n")}\n`);
  const name = `sentinel-${number}`;
  return await startRedis({
    port: own,
    sentinelFile: file,
    dir: join(dir, name),
    logFile: join(dir, `${name}.log`),
  });
}
