// What the detector needs around it and no more, so that nothing else takes part in the figures: OpenBao with its audit
// file, NATS with the streams made, and the detector as a process of its own.
import { readFile, writeFile } from "node:fs/promises";
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

interface DetectorOptions {
  readonly hints: boolean;
  readonly sweepIntervalS: number;
  /** A bundle to run in place of the source. */
  readonly program: string | undefined;
}

// As docs/operations.md says: left alone, V8 lets garbage grow to 128 MB before it looks at it.
const NODE_OPTIONS = "--max-semi-space-size=8";

export interface Surroundings extends AsyncDisposable {
  readonly bao: OpenBaoServer;
  readonly nats: NatsServer;
  readonly bus: Bus;
  readonly api: VaultApi;
  startDetector(options: DetectorOptions): Promise<Service>;
}

export async function openSurroundings(): Promise<Surroundings> {
  const [bao, nats] = await Promise.all([startOpenBao(), startNats()]);
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
    startDetector: (options) => startDetector(bao, nats, options),
    async [Symbol.asyncDispose]() {
      await bus.close();
      await Promise.all([nats.stop(), bao.stop()]);
    },
  };
}

async function startDetector(
  bao: OpenBaoServer,
  nats: NatsServer,
  options: DetectorOptions,
): Promise<Service> {
  const healthPort = await freePort();
  const configFile = join(bao.dir, "keyferry.yaml");
  const configuration = {
    source: { name: SOURCE, address: bao.url },
    nats: { servers: [nats.url] },
    changeDetector: {
      listen: `127.0.0.1:${healthPort}`,
      token: "${KEYFERRY_DETECTOR_TOKEN}",
      hints: options.hints ? { auditFile: bao.auditFile } : {},
      sweep: { intervalS: options.sweepIntervalS },
    },
  };
  await writeFile(configFile, JSON.stringify(configuration)); // JSON is YAML
  return startService("change-detector", {
    configFile,
    healthPort,
    env: { KEYFERRY_DETECTOR_TOKEN: bao.rootToken, NODE_OPTIONS },
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
