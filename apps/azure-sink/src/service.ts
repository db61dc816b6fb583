import { type Bus, connectBus } from "@keyferry/bus";
import { KeyferryError } from "@keyferry/errors";
import { retryForever, SERVER_AWAY } from "@keyferry/retry";
import type { ServiceContext } from "@keyferry/service";
import { formatListenAddress, VERSION } from "@keyferry/service";
import { connectState, type State } from "@keyferry/state";
import { createSourceToken, createVaultClient } from "@keyferry/vault-client";
import { PUT_SPACING_MS } from "./apply/limits.ts";
import { Breakers } from "./breaker/breakers.ts";
import { followDestinations } from "./consume/follow-destinations.ts";
import { createCommandHandler } from "./consume/handle-command.ts";
import { DriftLoop } from "./drift/drift-loop.ts";
import { createSinkEvents } from "./events.ts";
import { WakeLoop } from "./later/wake-loop.ts";
import { lookAtVault } from "./look/look.ts";
import { sinkMetrics } from "./metrics.ts";
import { RecordStore } from "./record/record-store.ts";
import { Pauses } from "./pauses/pauses.ts";
import type { SinkDependencies } from "./ports.ts";
import { AzureCredentials } from "./vaults/azure-credentials.ts";
import { checkDestination } from "./vaults/check-destination.ts";
import type { ClientParts } from "./vaults/client-options.ts";
import { createAssociationDirectory } from "./vaults/association-directory.ts";
import { readIdentity } from "./vaults/identity.ts";
import { OpenDestinations } from "./vaults/open-destinations.ts";
import { openRoleReader, type OwnLogin } from "./vaults/role-reader.ts";
import { SourceReaders } from "./vaults/source-readers.ts";

type Context = ServiceContext<"azureSink">;

/** Wires the sink's ports to NATS, Redis, the source and Azure, and starts to take commands. */
export async function start(context: Context): Promise<void> {
  const { config, secrets, logger, clock, random, signal } = context;
  const { source: sourceConfig, azureSink } = config;
  let waitingFor: string | undefined = "start";
  context.addReadinessCheck("azure-sink", () =>
    waitingFor === undefined ? { kind: "ready" } : { kind: "waiting", why: waitingFor },
  );

  const login: OwnLogin = {
    ...context,
    source: sourceConfig,
    ...(azureSink.auth === undefined ? {} : { auth: azureSink.auth }),
  };
  const { token, close } = createSourceToken({ ...login, section: "azureSink" });
  context.onShutdown("login", close);
  const source = createVaultClient({
    address: sourceConfig.address,
    namespace: sourceConfig.namespace,
    token,
    ...(sourceConfig.caFile === undefined ? {} : { caFile: sourceConfig.caFile }),
    clock,
    logger,
  });
  context.onShutdown("source", () => source.close());
  const state = await connectState({
    ...config.redis,
    url: secrets.redisUrl,
    sentinelPassword: secrets.sentinelPassword,
    logger,
    clock,
    random,
  });
  context.onShutdown("redis", () => state.close());
  context.addReadinessCheck("redis", () => readinessOf(state.status()));
  const bus = await connectBus({
    ...config.nats,
    password: secrets.natsPassword,
    name: "azure-sink",
    logger,
    clock,
    random,
  });
  context.onShutdown("nats", () => bus.close());
  context.addReadinessCheck("nats", () => readinessOf(bus.status()));

  const patiently = <T>(what: string, attempt: () => Promise<T>): Promise<T> => {
    waitingFor = what;
    return retryForever(attempt, {
      policy: SERVER_AWAY,
      clock,
      random,
      signal,
      onRetry({ error }) {
        waitingFor = `${what}: ${error.message}. ${error.advice}`;
        logger.warn({ code: error.code, why: error.message }, `waiting for ${what}`);
      },
    });
  };
  const breakers = new Breakers({ later: state.later, clock, random });
  tellPresence(bus, context, state, breakers, () => waitingFor);
  waitingFor = "NATS and its streams";
  await bus.ready(signal);
  await patiently("Redis", () => checkState(state));
  const ownMount = { namespace: sourceConfig.namespace, mount: sourceConfig.ownMount };
  const identity = await patiently("the instance's identity", () =>
    readIdentity(bus, source, ownMount, signal),
  );
  const destinationView = await bus.destinations.watch(signal);
  const associationView = await bus.associations.watch(signal);
  const pausesView = await bus.pauses.watch(signal);
  await patiently("the list of destinations", () => destinationView.caughtUp(signal));
  await patiently("the list of pauses", () => pausesView.caughtUp(signal));
  const pauses = new Pauses({ view: pausesView, later: state.later, clock });
  context.onShutdown("pauses", async () => pauses[Symbol.dispose]());

  const sinkFigures = sinkMetrics(context.metrics);
  const { emulator, federatedTokenFile, ...azure } = azureSink.azure;
  const parts: ClientParts = {
    credentials: new AzureCredentials({
      source,
      ownMount,
      environmentSecret: secrets.clientSecret,
      federatedTokenFile,
    }),
    vaultOptions: {
      ...azure,
      maxSockets: 2 * azureSink.concurrency,
      onAnswer: ({ host, method, status }) =>
        sinkFigures.keyVaultCalls.add({ vault: host, method, status: String(status) }),
      ...(emulator === undefined ? {} : { emulator: { address: formatListenAddress(emulator.address) } }),
    },
    clock,
    logger,
  };
  bus.connectionChecks.answer((request) => checkDestination(request, parts, identity.instanceId));
  const readers = new SourceReaders({ own: source, withRole: (role) => openRoleReader(login, source, role) });
  context.onShutdown("source roles", () => readers[Symbol.asyncDispose]());
  const destinations = new OpenDestinations({ ...parts, view: destinationView, readers });
  context.onShutdown("Key Vault clients", () => destinations[Symbol.asyncDispose]());
  const deps: SinkDependencies = {
    commands: bus.commands,
    results: bus.results,
    deadLetters: bus.deadLetters,
    hints: bus.hints,
    source,
    memory: state,
    destinations,
    associations: createAssociationDirectory({
      associations: associationView,
      results: bus.results,
      clock,
      signal,
    }),
    identity,
    putSpacingMs: PUT_SPACING_MS,
    breakers,
    pauses,
    clock,
    random,
    logger,
    events: createSinkEvents(logger, sinkFigures),
  };
  bus.vaultLooks.answer((request) => lookAtVault(request, deps, parts));
  const store = new RecordStore(bus.results, state, clock);
  const wakeLoop = new WakeLoop(store, deps).run(signal);
  context.onShutdown("waiting names", () => wakeLoop);
  const requests = await bus.driftRequests.watch(signal);
  const reports = await bus.driftReports.watch(signal);
  await patiently("the drift reports", () => reports.caughtUp(signal));
  const driftLoop = new DriftLoop({
    destinations: destinationView,
    requests,
    known: reports,
    reports: bus.driftReports,
    intervalMs: azureSink.drift.intervalS * 1_000,
    store,
    deps: { ...deps, records: bus.results, settledMs: azureSink.drift.settledS * 1_000 },
  }).run(signal);
  context.onShutdown("drift", () => driftLoop);
  const consumptions = followDestinations({
    commands: bus.commands,
    view: destinationView,
    pauses,
    handle: createCommandHandler(store, deps),
    concurrency: azureSink.concurrency,
    logger,
  });
  context.onShutdown("commands", async () => consumptions[Symbol.asyncDispose]());
  waitingFor = undefined;
}

/** Answers who asks which services there are. */
function tellPresence(
  bus: Bus,
  { clock, random }: Context,
  state: State,
  breakers: Breakers,
  waitingFor: () => string | undefined,
): void {
  const id = random.uuid().slice(0, 8);
  const startedAt = clock.now();
  bus.presence.answer(() => {
    const waits = waitingFor();
    const { connected, why } = state.status();
    return {
      major: 1,
      service: "azure-sink",
      id,
      version: VERSION,
      startedAt,
      now: clock.now(),
      waitingFor: [
        ...(waits === undefined ? [] : [waits]),
        ...(connected ? [] : [why ?? "Redis does not answer"]),
      ],
      sink: {
        redis: { connected, ...(why === undefined ? {} : { why }) },
        breakers: [...breakers.notClosed()],
        pacing: [...state.pacing.waiting()],
      },
    };
  });
}

// A wrong eviction policy is mended at Redis, at run time: so it is waited for rather than fatal.
async function checkState(state: State): Promise<void> {
  const { connected, why } = state.status();
  if (!connected) throw new KeyferryError("state-unreachable", why ?? "Redis does not answer");
  await state.check();
}

function readinessOf({ connected, why }: { connected: boolean; why?: string }) {
  return connected && why === undefined
    ? ({ kind: "ready" } as const)
    : ({ kind: "waiting", why: why ?? "not connected" } as const);
}
