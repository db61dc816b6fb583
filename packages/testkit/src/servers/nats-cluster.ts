// Owns: three (or more) nats-servers that form one JetStream cluster, each of which a test may kill or pause.

import { join } from "node:path";
import { eventually } from "../eventually.ts";
import { freePort } from "../free-port.ts";
import { openServerFolder, type ServerFolder } from "../server-folder.ts";
import { type ClusterPlace, type NatsServer, prepareNats } from "./nats.ts";
import { PortTakenError } from "./server.ts";

const LAUNCH_ATTEMPTS_MAX = 5;
const LEADER_MS_MAX = 60_000;

export interface NatsClusterOptions {
  /** Odd, so that a majority can be had; 3 by default. */
  readonly nodes?: number;
  readonly dir?: string;
  readonly config?: string;
  /** Clients use only the addresses that they are given, e.g. of proxies; by default the nodes tell them of each other. */
  readonly noAdvertise?: boolean;
}

export class NatsCluster implements AsyncDisposable {
  readonly nodes: readonly NatsServer[];
  /** Client URLs of all nodes. */
  readonly urls: readonly string[];
  readonly #folder: ServerFolder;

  constructor(nodes: readonly NatsServer[], folder: ServerFolder) {
    this.nodes = nodes;
    this.urls = nodes.map((node) => node.url);
    this.#folder = folder;
  }

  /** The node that leads the cluster's metadata, once there is one and it sees `peers` nodes (all by default). */
  async metaLeader(peers: number = this.nodes.length): Promise<NatsServer> {
    return await eventually(async () => await this.#currentMetaLeader(peers), {
      what: `a meta leader that sees ${peers} nodes`,
      timeoutMs: LEADER_MS_MAX,
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map(async (node) => await node.stop()));
    await this.#folder.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #currentMetaLeader(peers: number): Promise<NatsServer | undefined> {
    const up = this.nodes.filter((node) => node.pid !== undefined);
    const views = await Promise.all(up.map(async (node) => await readMetaView(node)));
    const leaders = new Set(views.map((view) => view?.leader));
    // All must name the same one: right after a change, some nodes still know the old leader.
    const [name] = leaders;
    if (leaders.size !== 1 || name === undefined) return undefined;
    const leader = up.find((node) => node.name === name);
    const view = views[leader === undefined ? -1 : up.indexOf(leader)];
    return view !== undefined && view.current >= peers ? leader : undefined;
  }
}

interface MetaView {
  readonly leader: string;
  /** Nodes that have caught up, the leader included. */
  readonly current: number;
}

async function readMetaView(node: NatsServer): Promise<MetaView | undefined> {
  const answer = await fetch(`${node.monitorUrl}/jsz`);
  const body = (await answer.json()) as {
    meta_cluster?: { leader?: string; replicas?: readonly { current: boolean; offline?: boolean }[] };
  };
  const meta = body.meta_cluster;
  if (meta?.leader === undefined || meta.leader === "") return undefined;
  const caughtUp = (meta.replicas ?? []).filter((peer) => peer.current && peer.offline !== true);
  return { leader: meta.leader, current: caughtUp.length + 1 };
}

/** Starts the cluster; all nodes are up and have caught up with a leader when this resolves. */
export async function startNatsCluster(options: NatsClusterOptions = {}): Promise<NatsCluster> {
  const folder = await openServerFolder("nats-cluster", options.dir);
  for (let attempt = 1; ; attempt += 1) {
    const cluster = new NatsCluster(await prepareNodes(options, folder), folder);
    try {
      await Promise.all(cluster.nodes.map(async (node) => await node.start()));
      await cluster.metaLeader();
      return cluster;
    } catch (error) {
      const again = error instanceof PortTakenError && attempt < LAUNCH_ATTEMPTS_MAX;
      await Promise.all(cluster.nodes.map(async (node) => await node.kill()));
      if (again) continue;
      await cluster.stop();
      throw error;
    }
  }
}

async function prepareNodes(options: NatsClusterOptions, folder: ServerFolder): Promise<NatsServer[]> {
  const count = options.nodes ?? 3;
  const routePorts = await Promise.all(Array.from({ length: count }, async () => await freePort()));
  const routes = routePorts.map((port) => `nats-route://127.0.0.1:${port}`);
  return await Promise.all(
    routePorts.map(async (routePort, index) => {
      const serverName = `nats-${index + 1}`;
      // Lies in the cluster's folder, which is removed as a whole.
      const nodeFolder = await openServerFolder(serverName, join(folder.path, serverName));
      const noAdvertise = options.noAdvertise ?? false;
      const place: ClusterPlace = {
        serverName,
        clusterName: "keyferry-test",
        routePort,
        routes,
        noAdvertise,
      };
      return await prepareNats(
        options.config === undefined ? {} : { config: options.config },
        nodeFolder,
        place,
      );
    }),
  );
}
