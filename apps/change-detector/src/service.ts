// The only file that wires ports to adapters: Vault or OpenBao, NATS, the channels of hints.
import { type Bus, connectBus, detectorLeaseKey, sourceReportKey } from "@keyferry/bus";
import type { DetectorFacts, InstanceRecord } from "@keyferry/contracts";
import { KeyferryError } from "@keyferry/errors";
import { secretKeyOf } from "@keyferry/naming";
import { retryForever, SERVER_AWAY } from "@keyferry/retry";
import { type ServiceContext, VERSION } from "@keyferry/service";
import {
  createSourceToken,
  createVaultClient,
  type TokenSource,
  type VaultClient,
} from "@keyferry/vault-client";
import { createDetector, type DetectorOptions } from "./detector.ts";
import { createDetectorEvents } from "./events.ts";
import { keepFacts } from "./facts.ts";
import { associatedMounts } from "./follow/associated-mounts.ts";
import { rulePatterns } from "./follow/rule-patterns.ts";
import { sourceConfirmations } from "./follow/source-confirmations.ts";
import { Duty, type DutyCondition } from "./lease/duty.ts";
import { LEASE_TIMING } from "./lease/lease.ts";
import type { LeaseStore } from "./lease/lease-loop.ts";
import { openChannels } from "./hints/open-channels.ts";
import { createDetectorMetrics } from "./metrics.ts";
import type { EventLog, HintChannel, KeyOf, ReportSink } from "./ports.ts";
import { Memory } from "./publish/memory.ts";

type Context = ServiceContext<"changeDetector">;

/** Starts the detector. Returns when it works; waits until then for whatever is away. */
export async function start(context: Context): Promise<void> {
  const { config, clock, random, logger, signal } = context;
  const { events, facts } = keepFacts(
    createDetectorEvents(logger, createDetectorMetrics(context.metrics), clock),
    clock,
  );
  let condition: () => DutyCondition = () => ({
    kind: "waiting",
    why: "the detector is starting",
  });
  context.addReadinessCheck("detector", () => condition());

  const bus = await openBus(context);
  tellPresence(bus, context, () => condition(), facts);
  const { vault, token } = openSource(context);
  await bus.ready(signal);
  const keyOf = await keyOfInstance(bus, context);
  const source = config.source.name;
  const tables = await followTables(bus, context);

  const hints = hintsOf(bus, source);
  // Before the first sweep, so that what is written during it is either in the sweep or behind this place in the file.
  await openChannels(context, { token, hints, events });
  const memory = new Memory();
  const log = logOf(bus, source);
  const ports = {
    source: vault,
    log,
    hints,
    ...tables,
    reports: reportsOf(bus, context),
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

/** Answers who asks which services there are. */
function tellPresence(
  bus: Bus,
  { clock, random }: Context,
  condition: () => DutyCondition,
  facts: (duty: DetectorFacts["duty"]) => DetectorFacts,
): void {
  const id = random.uuid().slice(0, 8);
  const startedAt = clock.now();
  bus.presence.answer(() => {
    const now = condition();
    const duty = now.kind === "waiting" ? "waiting" : "note" in now ? "standing-by" : "working";
    return {
      major: 1,
      service: "change-detector",
      id,
      version: VERSION,
      startedAt,
      now: clock.now(),
      waitingFor: now.kind === "waiting" ? [now.why] : [],
      detector: facts(duty),
    };
  });
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

function openSource(context: Context): { vault: VaultClient; token: TokenSource } {
  const { config, clock, logger, onShutdown } = context;
  const { token, close } = createSourceToken({
    ...context,
    ...config,
    ...(config.changeDetector.auth === undefined ? {} : { auth: config.changeDetector.auth }),
    section: "changeDetector",
  });
  onShutdown("login", close);
  const vault = createVaultClient({
    address: config.source.address,
    namespace: config.source.namespace,
    token,
    // A standby that is behind shows what was (hazard regression-by-stale-read).
    fromActiveNode: true,
    clock,
    logger,
    ...(config.source.caFile === undefined ? {} : { caFile: config.source.caFile }),
  });
  onShutdown("source", () => vault.close());
  return { vault, token };
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

/** What the detector goes by besides the source and its own log; up to date when this resolves. */
async function followTables(bus: Bus, { config, clock, random, signal }: Context) {
  const associations = await bus.associations.watch(signal);
  const rules = await bus.rules.watch(signal);
  const confirmations = await bus.sourceConfirmations.watch(signal);
  for (const view of [associations, rules, confirmations]) {
    await retryForever(() => view.caughtUp(signal), { policy: SERVER_AWAY, clock, random, signal });
  }
  const { name } = config.source;
  return {
    associated: associatedMounts(associations, name),
    rules: rulePatterns(rules),
    confirmations: sourceConfirmations(confirmations, name),
  };
}

function reportsOf(bus: Bus, { config, clock }: Context): ReportSink {
  const source = config.source.name;
  const key = sourceReportKey(source);
  return {
    async write(facts) {
      const at = new Date(clock.now()).toISOString();
      const { revision } = await bus.sourceReports.read(key);
      const end = await bus.sourceReports.put(key, { major: 1, source, at, ...facts }, revision);
      if (end.kind === "lost")
        throw new KeyferryError("conflict", "Another detector reports for this source");
    },
  };
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
