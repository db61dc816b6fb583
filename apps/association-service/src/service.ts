// Owns: the wiring: ports to adapters, and the order of start and stop. Nothing is decided here.

import { type Bus, confirmSourceChange, connectBus } from "@keyferry/bus";
import { toKeyferryError } from "@keyferry/errors";
import { retryForever, SERVER_AWAY } from "@keyferry/retry";
import { formatListenAddress, type ServiceContext, VERSION } from "@keyferry/service";
import { createSourceToken, createVaultClient } from "@keyferry/vault-client";
import type { FastifyInstance } from "fastify";
import { type FollowedTables, followTables } from "./boot/follow-tables.ts";
import { ensureInstance, ensureOwnSecrets } from "./boot/instance.ts";
import { SourceWatch } from "./boot/source-watch.ts";
import { CredentialStore } from "./destinations/credential-store.ts";
import { Retirement } from "./destinations/retirement.ts";
import { EpochKeeper } from "./epoch/epoch-keeper.ts";
import type { ProofOfLoss } from "./epoch/next-epoch.ts";
import { createEvents, type ServiceEvents } from "./events.ts";
import { createFigures, keepFigures } from "./figures/figures.ts";
import { createApiParts } from "./gateway/api-parts.ts";
import { unavailable } from "./gateway/refusal.ts";
import type { ApiParts } from "./gateway/call.ts";
import { addApiRoutes } from "./gateway/routes.ts";
import { createApiServer, listenOn } from "./gateway/server.ts";
import { addPassThrough } from "./passthrough/passthrough.ts";
import { createOperations } from "./operations/create-operations.ts";
import type { DoctorSource } from "./operations/doctor/gather-facts.ts";
import { statusOfPair } from "./operations/pairs.ts";
import { OperationRunner } from "./operations/replay/operation-runner.ts";
import { Approvals } from "./permits/approvals.ts";
import { HoldingPairs } from "./permits/holding-pairs.ts";
import { Permits } from "./permits/permits.ts";
import type { BusPort, SourcePort } from "./ports.ts";
import { startConsumers } from "./resolve/consumers.ts";
import { Rekeying } from "./rekey/rekeying.ts";
import { Resolver } from "./resolve/resolver.ts";
import { Tombstones } from "./resolve/tombstones.ts";
import { RuledPairs } from "./rules/ruled-pairs.ts";
import { SettleLoop } from "./settle/settle-loop.ts";

type Context = ServiceContext<"associationService">;
type Patiently = <T>(what: string, attempt: () => Promise<T>) => Promise<T>;

// A person at a terminal waits this long; Vault's clients would wait a minute, and then say less.
const REQUEST_PATIENCE_MS = 15_000;

/** Wires the association-service to NATS and the source, and sets API, resolver and settle loop going. */
export async function start(context: Context): Promise<void> {
  const { config, clock, random, signal, logger } = context;
  const events = createEvents(logger, context.metrics);
  const { bus, source, watch } = await openAdapters(context);
  const own = { namespace: config.source.namespace, mount: config.source.ownMount };
  const api: { parts: ApiParts | undefined; tables: FollowedTables | undefined } = {
    parts: undefined,
    tables: undefined,
  };
  let waitingFor: string | undefined = "the start";
  context.addReadinessCheck("association-service", () =>
    waitingFor === undefined ? { kind: "ready" } : { kind: "waiting", why: waitingFor },
  );
  const identity = { id: random.uuid().slice(0, 8), startedAt: clock.now() };
  bus.presence.answer(() => ({
    major: 1,
    service: "association-service",
    ...identity,
    version: VERSION,
    now: clock.now(),
    waitingFor: waitingFor === undefined ? [] : [waitingFor],
  }));
  await openApi(context, events, bus, {
    parts: (path) => partsOr503(path, api.parts, bus, watch, waitingFor),
    isMount: (path) => api.tables?.associations.hasMount(path) ?? false,
  });
  const patiently: Patiently = (what, attempt) => {
    waitingFor = what;
    return retryForever(attempt, {
      policy: SERVER_AWAY,
      clock,
      random,
      signal,
      onRetry: ({ error }) => events.waitingFor(what, error.message),
    });
  };
  await patiently("NATS, to make the streams", () => bus.provision());
  const instance = await patiently("NATS, to read the instance", () =>
    ensureInstance(bus, { clock, random }),
  );
  const secretKeyKey = Buffer.from(instance.secretKeyKey, "base64");
  const tables = await followTables(bus, { source: config.source.name, own, secretKeyKey }, signal);
  await patiently("NATS, to read all tables", () => tables.caughtUp(signal));
  const credentials = new CredentialStore(source, own);
  const { associations, destinations, rules } = tables;
  const epochs = new EpochKeeper({ bus, results: tables.results, clock, events });
  const ruledPairs = new RuledPairs({ bus, tables, epoch: () => epochs.current, clock, events });
  const retirement = new Retirement({
    bus,
    associations,
    rules,
    ruledPairs,
    destinations,
    credentials,
    clock,
    events,
  });
  api.tables = tables;
  const resolver = createResolver(context, events, bus, tables, epochs);
  const { commands, results } = tables;
  const approvals = new Approvals({ bus, associations, commands, results, resolver, clock, events });
  const operationsView = await bus.operations.watch(signal);
  const rulesView = await bus.rules.watch(signal);
  const operations = createOperations({
    bus,
    source,
    sourceName: config.source.name,
    sourceState: () => (watch.status.kind === "up" ? "ready" : watch.status.why),
    tables,
    instance,
    operations: operationsView,
    epoch: () => epochs.current,
    defaults: config.associationService.defaults,
    own,
    rules: async (patience) => {
      await rulesView.caughtUp(patience);
      return [...rulesView.entries()].map(([, { value }]) => value);
    },
    lookAgain: (pair, patience) =>
      resolver.look(pair, { trigger: { kind: "replay" }, republish: () => "a person asked" }, patience),
    adopt: (pair, adopt, patience) => resolver.look(pair, { trigger: { kind: "replay" }, adopt }, patience),
    confirmSource: (wish) => confirmSourceChange(bus, wish, clock),
    clock,
    random,
  });
  api.parts = createApiParts({
    bus,
    source,
    sourceName: config.source.name,
    own,
    defaults: config.associationService.defaults,
    checkMode: config.associationService.connectionCheck,
    tables,
    credentials,
    retirement,
    ruledPairs,
    approvals,
    instance,
    operations,
    clock,
    random,
    events,
  });
  const resolving = { tables, retirement, ruledPairs, approvals, epochs, resolver, secretKeyKey, patiently };
  const settleLoop = await startResolving(context, events, bus, resolving);
  const runner = new OperationRunner({
    bus,
    view: operationsView,
    pairs: operations.pairs,
    resolver,
    source: config.source.name,
    mendStreams: (patience) => settleLoop.mendStreams(patience),
    me: `association-service ${identity.id}`,
    clock,
    logger,
  });
  const figuring = keepFigures(
    {
      figures: createFigures(context.metrics),
      pairs: operations.pairs,
      statusOf: statusOfPair,
      destinationCount: () =>
        tables.destinations.all().filter(({ entry }) => entry.value.state !== "retired").length,
      letters: bus.deadLetters,
      clock,
      logger,
    },
    signal,
  );
  context.onShutdown("figures", () => figuring);
  const working = runner.run(signal);
  context.onShutdown("operations", () => working);
  await patiently("the source, to make Keyferry's own mount", () =>
    ensureOwnSecrets(source, own, instance.instanceId, random),
  );
  waitingFor = undefined;
}

async function openAdapters(
  context: Context,
): Promise<{ bus: Bus; source: SourcePort & DoctorSource; watch: SourceWatch }> {
  const { config, secrets, logger, clock, random, signal } = context;
  const { token, close } = createSourceToken({
    ...context,
    ...config,
    ...(config.associationService.auth === undefined ? {} : { auth: config.associationService.auth }),
    section: "associationService",
  });
  context.onShutdown("login", close);
  const source = createVaultClient({
    address: config.source.address,
    namespace: config.source.namespace,
    token,
    ...(config.source.caFile === undefined ? {} : { caFile: config.source.caFile }),
    clock,
    logger,
  });
  context.onShutdown("source", () => source.close());
  const watch = new SourceWatch(source, clock);
  context.addReadinessCheck("source", () =>
    watch.status.kind === "up" ? { kind: "ready" } : { kind: "waiting", why: watch.status.why },
  );
  const watching = watch.run(signal);
  context.onShutdown("source watch", () => watching);
  const bus = await connectBus({
    ...config.nats,
    password: secrets.natsPassword,
    name: "association-service",
    logger,
    clock,
    random,
  });
  context.onShutdown("nats", () => bus.close());
  context.addReadinessCheck("nats", () => {
    const { connected, provisioned, why = "not connected" } = bus.status();
    return connected && provisioned ? { kind: "ready" } : { kind: "waiting", why };
  });
  return { bus, source, watch };
}

interface ApiHooks {
  readonly parts: (path: string) => ApiParts;
  readonly isMount: (path: string) => boolean;
}

async function openApi(
  context: Context,
  events: ServiceEvents,
  bus: BusPort,
  { parts, isMount }: ApiHooks,
): Promise<FastifyInstance> {
  const { config, clock, random } = context;
  const { source, associationService } = config;
  const server = createApiServer({ clock, random, events });
  addApiRoutes(server, { parts, defaultNamespace: source.namespace, patienceMs: REQUEST_PATIENCE_MS });
  if (associationService.gateway.enabled) {
    await addPassThrough(server, {
      address: source.address,
      ...(source.caFile === undefined ? {} : { caFile: source.caFile }),
      defaultNamespace: source.namespace,
      onHint: (hint) => bus.hints.publish(source.name, hint),
      isMount,
      events,
    });
  }
  const listen = await listenOn(server, associationService.api.listen);
  context.onShutdown("api", () => server.close());
  await context.announce({ api: formatListenAddress(listen) });
  return server;
}

// They say what is wrong, and what was known before: of use just then.
const ALSO_WITHOUT_NATS = new Set(["sys/sync/status", "sys/sync/doctor"]);

function partsOr503(
  path: string,
  parts: ApiParts | undefined,
  bus: BusPort,
  watch: SourceWatch,
  waitingFor: string | undefined,
): ApiParts {
  const { connected, why } = bus.status();
  const isTold = parts !== undefined && ALSO_WITHOUT_NATS.has(path);
  if (!connected && !isTold) throw unavailable(`NATS is not reachable: ${why ?? "not connected"}`);
  if (watch.status.kind === "away") throw unavailable(`the source is not available: ${watch.status.why}`);
  if (parts === undefined)
    throw unavailable(`Keyferry is starting: waiting for ${waitingFor ?? "the start"}`);
  return parts;
}

function createResolver(
  { config, clock }: Context,
  events: ServiceEvents,
  bus: BusPort,
  { associations, destinations, results, rules }: FollowedTables,
  epochs: EpochKeeper,
): Resolver {
  const holding = new HoldingPairs(results);
  const permits = new Permits({
    budgets: bus.budgets,
    limits: config.associationService.deleteBudget,
    guardOf: (uid) => destinations.byUid(uid)?.entry.value.policy?.deleteGuard,
    associationsOf: (uid) => Math.max(associations.activeCount(uid), holding.countOf(uid)),
    clock,
    events,
  });
  const source = config.source.name;
  return new Resolver({
    bus,
    source,
    destinations,
    rules,
    permits,
    epoch: () => epochs.current,
    clock,
    events,
  });
}

interface Resolving {
  readonly tables: FollowedTables;
  readonly retirement: Retirement;
  readonly ruledPairs: RuledPairs;
  readonly approvals: Approvals;
  readonly epochs: EpochKeeper;
  readonly resolver: Resolver;
  readonly secretKeyKey: Buffer;
  readonly patiently: Patiently;
}

async function startResolving(
  context: Context,
  events: ServiceEvents,
  bus: BusPort,
  { tables, retirement, ruledPairs, approvals, epochs, resolver, secretKeyKey, patiently }: Resolving,
): Promise<SettleLoop> {
  const { config, clock, signal } = context;
  const { associations, destinations, rules } = tables;
  const { settle } = config.associationService;
  await patiently("NATS, to read the epoch", () => epochs.check(signal));
  const tombstones = new Tombstones(bus, events);
  const consumers = await patiently("NATS, to consume", () =>
    startConsumers({
      bus,
      resolver,
      tombstones,
      retirement,
      associations,
      destinations,
      rules,
      ruledPairs,
      clock,
      events,
    }),
  );
  context.onShutdown("consumers", () => consumers.close());
  const { replaced } = tables;
  const source = config.source.name;
  const rekeying = new Rekeying({
    bus,
    replaced,
    associations,
    destinations,
    secretKeyKey,
    source,
    clock,
    events,
  });
  const loop = new SettleLoop({
    bus,
    source,
    ...tables,
    ruledPairs,
    approvals,
    rekeying,
    resolver,
    tombstones,
    retirement,
    epoch: () => epochs.current,
    checkEpoch: (patience, proof) => checkEpoch(bus, epochs, patience, proof),
    intervalMs: settle.intervalS * 1_000,
    clock,
    events,
  });
  // A person who has just confirmed a change of the source waits for what follows.
  replaced.onChange(() => loop.wake());
  const settling = loop.run(signal);
  context.onShutdown("settle loop", () => settling);
  return loop;
}

// A stream that is gone while this service runs (deleted, or NATS lost its disk) is made anew, by the next round at the
// latest; that it is another one shows in the epoch.
async function checkEpoch(
  bus: BusPort,
  epochs: EpochKeeper,
  patience: AbortSignal,
  proof: ProofOfLoss | undefined,
): Promise<boolean> {
  try {
    return await epochs.check(patience, proof);
  } catch (error) {
    if (toKeyferryError(error).code !== "bus-not-provisioned") throw error;
    await bus.provision();
    return epochs.check(patience, proof);
  }
}
