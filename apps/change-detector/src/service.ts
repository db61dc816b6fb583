// The only file that wires ports to adapters: Vault or OpenBao, NATS, the audit devices.
import { type Bus, connectBus, detectorLeaseKey } from "@keyferry/bus";
import type { AssociationRecord, InstanceRecord } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import { secretKeyOf } from "@keyferry/naming";
import { retryForever, SERVER_AWAY } from "@keyferry/retry";
import type { ServiceContext } from "@keyferry/service";
import { createLogin, createVaultClient, type TokenSource, type VaultClient } from "@keyferry/vault-client";
import { createDetector, type DetectorOptions } from "./detector.ts";
import { createDetectorEvents, type DetectorEvents } from "./events.ts";
import { Duty, type DutyCondition } from "./lease/duty.ts";
import { LEASE_TIMING } from "./lease/lease.ts";
import type { LeaseStore } from "./lease/lease-loop.ts";
import { openAuditHttp } from "./hints/audit-http.ts";
import { openAuditSocket } from "./hints/audit-socket.ts";
import { AuditCollector } from "./hints/audit-collector.ts";
import { loginMethodOf, needed } from "./login-method.ts";
import { createDetectorMetrics } from "./metrics.ts";
import type { AssociatedMounts, EventLog, HintChannel, KeyOf, MountAddress } from "./ports.ts";
import { Memory } from "./publish/memory.ts";

type Context = ServiceContext<"changeDetector">;

/** Starts the detector. Returns when it works; waits until then for whatever is away. */
export async function start(context: Context): Promise<void> {
  const { config, clock, random, logger, signal } = context;
  const events = createDetectorEvents(logger, createDetectorMetrics(context.metrics), clock);
  let condition: () => DutyCondition = () => ({
    kind: "waiting",
    why: "the detector is starting",
  });
  context.addReadinessCheck("detector", () => condition());

  const bus = await openBus(context);
  const vault = openSource(context);
  await bus.ready(signal);
  const keyOf = await keyOfInstance(bus, context);
  const source = config.source.name;
  const view = await bus.associations.watch(signal);
  await retryForever(() => view.caughtUp(signal), { policy: SERVER_AWAY, clock, random, signal });

  const hints = hintsOf(bus, source);
  // Before the first sweep, so that what is written during it is either in the sweep or behind this place in the file.
  await followAuditFile(context, hints, events);
  await openAuditReceivers(context, hints, events);
  const memory = new Memory();
  const log = logOf(bus, source);
  const ports = {
    source: vault,
    log,
    hints,
    associated: associatedMounts(view, source),
    keyOf,
    clock,
    random,
    events,
    memory,
  };
  const duty = new Duty({
    store: leaseOf(bus, source),
    log,
    memory,
    clock,
    random,
    events,
    timing: LEASE_TIMING,
    createDetector: (working) => createDetector(ports, optionsOf(config), working),
  });
  condition = () => duty.condition();
  const running = duty.run(signal);
  context.onShutdown("detector", () => running);
}

function optionsOf({ source, changeDetector: { mounts, sweep } }: Context["config"]): DetectorOptions {
  return {
    sourceName: source.name,
    ownMount: { namespace: source.namespace, mount: source.ownMount },
    mounts,
    sweepIntervalMs: sweep.intervalS * 1_000,
    pageSize: sweep.pageSize,
  };
}

async function openBus({
  config,
  secrets,
  logger,
  clock,
  random,
  onShutdown,
  addReadinessCheck,
}: Context): Promise<Bus> {
  const bus = await connectBus({
    servers: config.nats.servers,
    name: "change-detector",
    user: config.nats.user,
    password: secrets.natsPassword,
    credsFile: config.nats.credsFile,
    caFile: config.nats.caFile,
    logger,
    clock,
    random,
  });
  onShutdown("bus", () => bus.close());
  addReadinessCheck("bus", () => {
    const { connected, provisioned, why } = bus.status();
    return connected && provisioned ? { kind: "ready" } : { kind: "waiting", why: why ?? "connecting" };
  });
  return bus;
}

function openSource(context: Context): VaultClient {
  const { config, clock, logger, onShutdown } = context;
  const vault = createVaultClient({
    address: config.source.address,
    namespace: config.source.namespace,
    token: tokenOf(context),
    clock,
    logger,
    ...(config.source.caFile === undefined ? {} : { caFile: config.source.caFile }),
  });
  onShutdown("source", () => vault.close());
  return vault;
}

const REREAD_MS = 5_000; // a denied path answers 403 like an old token; the file is not read for each of them

/** The configured token, read again when it is refused, or one that a login gives and keeps alive. */
function tokenOf(context: Context): TokenSource {
  const { config, clock, random, logger, rereadSecrets, secrets, onShutdown } = context;
  const { auth } = config.changeDetector;
  if (auth !== undefined) {
    const { address, namespace, caFile } = config.source;
    const login = createLogin({
      address,
      namespace,
      clock,
      random,
      logger,
      method: loginMethodOf(auth, rereadSecrets),
      ...(caFile === undefined ? {} : { caFile }),
    });
    onShutdown("login", () => login.close());
    return login.token;
  }
  let token = needed(secrets.token, "token");
  let rereadAt = 0;
  return async (refused) => {
    if (refused !== undefined && clock.now() - rereadAt > REREAD_MS) {
      rereadAt = clock.now();
      token = needed((await rereadSecrets()).token, "token");
    }
    return token;
  };
}

/** The key of `<k>`: made once by the association-service, waited for. */
async function keyOfInstance(bus: Bus, context: Context): Promise<KeyOf> {
  const read = async (): Promise<InstanceRecord> => {
    const entry = await bus.instance.get("instance");
    if (entry === undefined) {
      throw new KeyferryError("bus-not-provisioned", "The instance's key is not there yet");
    }
    return entry.value;
  };
  const { clock, random, signal, logger } = context;
  const record = await retryForever(read, {
    policy: SERVER_AWAY,
    clock,
    random,
    signal,
    onRetry: ({ error }) =>
      logger.info({ error }, "waiting for the association-service to make the instance's key"),
  });
  const key = Buffer.from(record.secretKeyKey, "base64");
  return (ref) => secretKeyOf(key, ref);
}

async function followAuditFile(context: Context, hints: HintChannel, events: DetectorEvents): Promise<void> {
  const { auditFile } = context.config.changeDetector.hints;
  if (auditFile === undefined) return;
  const collector = new AuditCollector({ path: auditFile, clock: context.clock, hints, events });
  await collector.open();
  const following = collector.run(context.signal);
  context.onShutdown("audit file", () => following);
}

async function openAuditReceivers(
  { config, announce, onShutdown }: Context,
  hints: HintChannel,
  events: DetectorEvents,
): Promise<void> {
  const { auditSocket, auditHttp } = config.changeDetector.hints;
  if (auditSocket !== undefined) {
    const key = "changeDetector.hints.auditSocket.listen";
    const socket = await openAuditSocket({ listen: auditSocket.listen, key, hints, events });
    onShutdown("audit socket", () => socket.close());
    await announce({ auditSocket: socket.address });
  }
  if (auditHttp !== undefined) {
    const key = "changeDetector.hints.auditHttp.listen";
    const http = await openAuditHttp({ listen: auditHttp.listen, key, hints, events });
    onShutdown("audit http", () => http.close());
    await announce({ auditHttp: http.address });
  }
}

function hintsOf(bus: Bus, source: string): HintChannel {
  return {
    publish: (hint) => bus.hints.publish(source, hint),
    subscribe: (onHint, onGap) => bus.hints.subscribe(source, onHint, onGap),
  };
}

function logOf(bus: Bus, source: string): EventLog {
  return {
    last: (key) => bus.events.last(source, key),
    append: (key, event, expectedSequence) => bus.events.append(source, key, event, expectedSequence),
    loadLast: (signal) => bus.events.loadLast(source, signal),
    follow: (signal) => bus.events.follow(source, signal),
    async probe(signal) {
      await bus.ready(signal);
      const { connected, why } = bus.status();
      if (!connected) throw new KeyferryError("bus-unreachable", why ?? "NATS is not connected");
    },
  };
}

function leaseOf(bus: Bus, source: string): LeaseStore {
  const key = detectorLeaseKey(source);
  return {
    async read() {
      const { entry, revision } = await bus.leases.read(key);
      return { record: entry?.value, revision };
    },
    write: (record, expectedRevision) => bus.leases.put(key, record, expectedRevision),
  };
}

function associatedMounts(
  view: Awaited<ReturnType<Bus["associations"]["watch"]>>,
  source: string,
): AssociatedMounts {
  const mountOf = (record: AssociationRecord): MountAddress | undefined =>
    record.state === "active" && record.secret.source === source
      ? { namespace: record.secret.namespace, mount: record.secret.mount }
      : undefined;
  const idOf = (at: MountAddress): string => JSON.stringify([at.namespace, at.mount]);
  const list = (): Map<string, MountAddress> => {
    const mounts = new Map<string, MountAddress>();
    for (const [, { value }] of view.entries()) {
      const at = mountOf(value);
      if (at !== undefined) mounts.set(idOf(at), at);
    }
    return mounts;
  };
  const told = new Set(list().keys());
  return {
    list: () => [...list().values()],
    onAdded: (listener) =>
      view.onChange((_key, entry) => {
        const at = entry && mountOf(entry.value);
        if (at === undefined || told.has(idOf(at))) return;
        told.add(idOf(at));
        listener(at);
      }),
  };
}
