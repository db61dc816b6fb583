// What the detector needs around it and no more, so that nothing else takes part in the figures: OpenBao with its audit
// file, NATS with the streams made, and the detector as a process of its own.
import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { associationKey, type Bus, connectBus } from "@keyferry/bus";
import { silentLogger, systemClock, systemRandom } from "@keyferry/ports";
import {
  eventually,
  freePort,
  type NatsServer,
  type OpenBaoServer,
  type Service,
  startNats,
  startOpenBao,
  startService,
  VaultApi,
} from "@keyferry/testkit";

export const SOURCE = "main";
export const MOUNT = "secret";
const DESTINATION = "abcdefghijklm";

/** How a detector learns of changes: each alone, or by sweeps only. */
export type Channel = "audit-file" | "audit-socket" | "gateway" | "none";

interface DetectorOptions {
  readonly channel: Channel;
  readonly sweepIntervalS: number;
  /** A bundle to run in place of the source. */
  readonly program: string | undefined;
}

// As docs/operations.md says and the image has it: left alone, V8 lets garbage grow to 128 MB before it looks at it, and
// glibc keeps an arena for each thread.
const SMALL = { NODE_OPTIONS: "--max-semi-space-size=4", MALLOC_ARENA_MAX: "2" };

export interface Surroundings extends AsyncDisposable {
  readonly bao: OpenBaoServer;
  readonly nats: NatsServer;
  readonly bus: Bus;
  readonly api: VaultApi;
  startDetector(options: DetectorOptions): Promise<Service>;
  /** The association-service with its gateway, and the API at its address. */
  startGateway(): Promise<{ readonly service: Service; readonly api: VaultApi }>;
}

export async function openSurroundings(): Promise<Surroundings> {
  const socketFile = join(tmpdir(), `keyferry-bench-${randomUUID()}.sock`);
  const [bao, nats] = await Promise.all([startOpenBao({ config: socketDevice(socketFile) }), startNats()]);
  const bus = await connectBus({
    servers: [nats.url],
    name: "bench",
    logger: silentLogger,
    clock: systemClock,
    random: systemRandom,
  });
  await eventually(() => bus.provision().then(() => true), { what: "the streams to be made" });
  const createdAt = new Date().toISOString();
  const secretKeyKey = Buffer.alloc(32, 7).toString("base64");
  await bus.instance.put("instance", { major: 1, instanceId: DESTINATION, secretKeyKey, createdAt }, 0);
  const api = new VaultApi(bao.url, bao.rootToken);
  return {
    bao,
    nats,
    bus,
    api,
    startDetector: (options) => startDetector(bao, nats, { ...options, socketFile }),
    startGateway: () => startGateway(bao, nats),
    async [Symbol.asyncDispose]() {
      await bus.close();
      await Promise.all([nats.stop(), bao.stop()]);
    },
  };
}

/** Declared whether somebody listens or not: a refused connection costs the source nothing, beside its file. */
function socketDevice(path: string): string {
  const options = { address: path, socket_type: "unix", skip_test: "true", elide_list_responses: "true" };
  const lines = Object.entries(options).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return `audit "socket" "detector" {\n options {\n${lines.join("\n")}\n }\n}`;
}

async function startGateway(
  bao: OpenBaoServer,
  nats: NatsServer,
): Promise<{ service: Service; api: VaultApi }> {
  const healthPort = await freePort();
  const apiPort = await freePort();
  const configFile = join(bao.dir, "gateway.yaml");
  const configuration = {
    source: { name: SOURCE, address: bao.url },
    nats: { servers: [nats.url] },
    associationService: {
      listen: `127.0.0.1:${healthPort}`,
      token: "${KEYFERRY_ASSOCIATION_TOKEN}",
      api: { listen: `127.0.0.1:${apiPort}` },
      gateway: { enabled: true },
    },
  };
  await writeFile(configFile, JSON.stringify(configuration));
  const env = { KEYFERRY_ASSOCIATION_TOKEN: bao.rootToken };
  const service = await startService("association-service", { configFile, healthPort, env });
  return { service, api: new VaultApi(`http://127.0.0.1:${apiPort}`, bao.rootToken) };
}

function hintsOf(channel: Channel, auditFile: string, socketFile: string): Record<string, unknown> {
  switch (channel) {
    case "audit-file":
      return { auditFile };
    case "audit-socket":
      return { auditSocket: { listen: `unix:${socketFile}` } };
    case "gateway": // the association-service brings them
    case "none":
      return {};
    default:
      return channel satisfies never;
  }
}

async function startDetector(
  bao: OpenBaoServer,
  nats: NatsServer,
  options: DetectorOptions & { readonly socketFile: string },
): Promise<Service> {
  const healthPort = await freePort();
  const configFile = join(bao.dir, `detector-${healthPort}.yaml`);
  const configuration = {
    source: { name: SOURCE, address: bao.url },
    nats: { servers: [nats.url] },
    changeDetector: {
      listen: `127.0.0.1:${healthPort}`,
      token: "${KEYFERRY_DETECTOR_TOKEN}",
      hints: hintsOf(options.channel, bao.auditFile, options.socketFile),
      sweep: { intervalS: options.sweepIntervalS },
    },
  };
  await writeFile(configFile, JSON.stringify(configuration)); // JSON is YAML
  return startService("change-detector", {
    configFile,
    healthPort,
    env: { KEYFERRY_DETECTOR_TOKEN: bao.rootToken, ...SMALL },
    ...(options.program === undefined ? {} : { program: resolve(options.program) }),
  });
}

/** Makes the mount one that sweeps cover. */
export async function associate({ bus, api }: Surroundings): Promise<void> {
  const { accessor } = await api.expect("GET", `sys/internal/ui/mounts/${MOUNT}`);
  const now = new Date().toISOString();
  const secretKey = "a".repeat(26);
  await bus.associations.put(
    associationKey(DESTINATION, secretKey),
    {
      major: 1,
      uid: "bcdefghijklmn",
      state: "active",
      destination: DESTINATION,
      secretKey,
      secret: {
        source: SOURCE,
        namespace: "",
        mount: MOUNT,
        accessor: String(accessor),
        path: "x",
      },
      spec: {
        granularity: "secret-path",
        nameTemplate: "x",
        customTags: {},
      },
      createdAt: now,
      updatedAt: now,
    },
    0,
  );
}

export interface SweepLine {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly tookMs: number;
}

/** The whole sweeps that the detector's log tells of. */
export async function sweepsOf(detector: Service): Promise<readonly SweepLine[]> {
  const log = await readFile(detector.logFile, "utf8");
  return log.split("\n").flatMap((line) => {
    if (!line.includes('"sweep finished"')) return [];
    const { time, tookMs } = JSON.parse(line) as { time: string | number; tookMs: number };
    const endedAt = new Date(time).getTime();
    return [{ startedAt: endedAt - tookMs, endedAt, tookMs }];
  });
}

/** A gauge of the process, from its metrics. */
export async function gauge(detector: Service, name: string): Promise<number> {
  const found = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "m").exec(await detector.metrics());
  return Number(found?.[1] ?? Number.NaN);
}
