// Owns: the wiring: ports to adapters, and the order of start and stop. Nothing is decided here.

import { connectBus } from "@keyferry/bus";
import { retryForever, SERVER_AWAY } from "@keyferry/retry";
import type { SecretValue } from "@keyferry/ports";
import { formatListenAddress, type ServiceContext } from "@keyferry/service";
import { createVaultClient } from "@keyferry/vault-client";
import type { FastifyInstance } from "fastify";
import { type FollowedTables, followTables } from "./boot/follow-tables.ts";
import { ensureInstance, ensureOwnSecrets } from "./boot/instance.ts";
import { SourceWatch } from "./boot/source-watch.ts";
import { CredentialStore } from "./destinations/credential-store.ts";
import { Retirement } from "./destinations/retirement.ts";
import { EpochKeeper } from "./epoch/epoch-keeper.ts";
import { createEvents, type ServiceEvents } from "./events.ts";
import { createApiParts } from "./gateway/api-parts.ts";
import { unavailable } from "./gateway/refusal.ts";
import type { ApiParts } from "./gateway/call.ts";
import { addApiRoutes } from "./gateway/routes.ts";
import { createApiServer, listenOn } from "./gateway/server.ts";
import { addPassThrough } from "./passthrough/passthrough.ts";
import { Permits } from "./permits/permits.ts";
import type { BusPort, SourcePort } from "./ports.ts";
import { startConsumers } from "./resolve/consumers.ts";
import { Resolver } from "./resolve/resolver.ts";
import { Tombstones } from "./resolve/tombstones.ts";
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
  await openApi(context, events, bus, {
    parts: () => partsOr503(api.parts, bus, watch, waitingFor),
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
  const tables = await followTables(bus, signal);
  await patiently("NATS, to read all tables", () => tables.caughtUp(signal));
  const credentials = new CredentialStore(source, own);
  const { associations, destinations } = tables;
  const retirement = new Retirement({ bus, associations, destinations, credentials, clock, events });
  api.tables = tables;
  api.parts = createApiParts({
    bus,
    source,
    sourceName: config.source.name,
    own,
    defaults: config.associationService.defaults,
    tables,
    credentials,
    retirement,
    instance,
    clock,
    random,
    events,
  });
  await startResolving(context, events, bus, { tables, retirement, patiently });
  await patiently("the source, to make Keyferry's own mount", () =>
    ensureOwnSecrets(source, own, instance.instanceId, random),
  );
  waitingFor = undefined;
}

async function openAdapters(
  context: Context,
): Promise<{ bus: BusPort; source: SourcePort; watch: SourceWatch }> {
  const { config, secrets, logger, clock, random, signal } = context;
  const source = createVaultClient({
    address: config.source.address,
    namespace: config.source.namespace,
    token: currentToken(context),
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

// A token may be renewed in its file. Reading the configuration takes milliseconds, so it is read again only when the
// source has refused the token that is known.
function currentToken({ secrets, rereadSecrets }: Context): (refused?: SecretValue) => Promise<SecretValue> {
  let token = secrets.token;
  return async (refused) => {
    if (refused !== undefined && refused.reveal() === token.reveal()) token = (await rereadSecrets()).token;
    return token;
  };
}

interface ApiHooks {
  readonly parts: () => ApiParts;
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

function partsOr503(
  parts: ApiParts | undefined,
  bus: BusPort,
  watch: SourceWatch,
  waitingFor: string | undefined,
): ApiParts {
  const { connected, why } = bus.status();
  if (!connected) throw unavailable(`NATS is not reachable: ${why ?? "not connected"}`);
  if (watch.status.kind === "away") throw unavailable(`the source is not available: ${watch.status.why}`);
  if (parts === undefined)
    throw unavailable(`Keyferry is starting: waiting for ${waitingFor ?? "the start"}`);
  return parts;
}

interface Resolving {
  readonly tables: FollowedTables;
  readonly retirement: Retirement;
  readonly patiently: Patiently;
}

async function startResolving(
  context: Context,
  events: ServiceEvents,
  bus: BusPort,
  { tables, retirement, patiently }: Resolving,
): Promise<void> {
  const { config, clock, signal } = context;
  const { associations, destinations, commands, results } = tables;
  const { deleteBudget: limits, settle } = config.associationService;
  const epochs = new EpochKeeper({ bus, results, clock, events });
  await patiently("NATS, to read the epoch", () => epochs.check(signal));
  const epoch = () => epochs.current;
  const permits = new Permits({
    budgets: bus.budgets,
    limits,
    associationsOf: (uid) => associations.activeCount(uid),
    clock,
    events,
  });
  const source = config.source.name;
  const resolver = new Resolver({ bus, source, destinations, permits, epoch, clock, events });
  const tombstones = new Tombstones(bus, events);
  const consumers = await patiently("NATS, to consume", () =>
    startConsumers({ bus, resolver, tombstones, retirement, associations, destinations }),
  );
  context.onShutdown("consumers", () => consumers.close());
  const loop = new SettleLoop({
    bus,
    source,
    associations,
    destinations,
    commands,
    results,
    resolver,
    tombstones,
    retirement,
    epoch,
    checkEpoch: (patience) => epochs.check(patience),
    intervalMs: settle.intervalS * 1_000,
    clock,
    events,
  });
  const settling = loop.run(signal);
  context.onShutdown("settle loop", () => settling);
}
