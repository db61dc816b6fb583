import { connectBus } from "@keyferry/bus";
import { KeyferryError } from "@keyferry/errors";
import type { SecretValue } from "@keyferry/ports";
import { retryForever, SERVER_AWAY } from "@keyferry/retry";
import type { ServiceContext } from "@keyferry/service";
import { formatListenAddress } from "@keyferry/service";
import { connectState, type State } from "@keyferry/state";
import { createVaultClient } from "@keyferry/vault-client";
import { Breakers } from "./breaker/breakers.ts";
import { followDestinations } from "./consume/follow-destinations.ts";
import { createCommandHandler } from "./consume/handle-command.ts";
import { createSinkEvents } from "./events.ts";
import { WakeLoop } from "./later/wake-loop.ts";
import { sinkMetrics } from "./metrics.ts";
import { RecordStore } from "./record/record-store.ts";
import type { SinkDependencies } from "./ports.ts";
import { createAssociationDirectory } from "./vaults/association-directory.ts";
import { readIdentity } from "./vaults/identity.ts";
import { OpenDestinations } from "./vaults/open-destinations.ts";

type Context = ServiceContext<"azureSink">;

/** Wires the sink's ports to NATS, Redis, the source and Azure, and starts to take commands. */
export async function start(context: Context): Promise<void> {
  const { config, secrets, logger, clock, random, signal } = context;
  const { source: sourceConfig, azureSink } = config;
  let waitingFor: string | undefined = "start";
  context.addReadinessCheck("azure-sink", () =>
    waitingFor === undefined ? { kind: "ready" } : { kind: "waiting", why: waitingFor },
  );

  const source = createVaultClient({
    address: sourceConfig.address,
    namespace: sourceConfig.namespace,
    token: currentToken(context),
    ...(sourceConfig.caFile === undefined ? {} : { caFile: sourceConfig.caFile }),
    clock,
    logger,
  });
  context.onShutdown("source", () => source.close());
  const state = await connectState({ ...config.redis, url: secrets.redisUrl, logger, clock, random });
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
  waitingFor = "NATS and its streams";
  await bus.ready(signal);
  await patiently("Redis", () => checkState(state));
  const ownMount = { namespace: sourceConfig.namespace, mount: sourceConfig.ownMount };
  const identity = await patiently("the instance's identity", () =>
    readIdentity(bus, source, ownMount, signal),
  );
  const destinationView = await bus.destinations.watch(signal);
  const associationView = await bus.associations.watch(signal);
  await patiently("the list of destinations", () => destinationView.caughtUp(signal));

  const { emulator, ...azure } = azureSink.azure;
  const destinations = new OpenDestinations({
    view: destinationView,
    source,
    ownMount,
    environmentSecret: secrets.clientSecret,
    vaultOptions: {
      ...azure,
      maxSockets: 2 * azureSink.concurrency,
      ...(emulator === undefined ? {} : { emulator: { address: formatListenAddress(emulator.address) } }),
    },
    clock,
    logger,
  });
  context.onShutdown("Key Vault clients", () => destinations[Symbol.asyncDispose]());
  const deps: SinkDependencies = {
    commands: bus.commands,
    results: bus.results,
    deadLetters: bus.deadLetters,
    hints: bus.hints,
    source,
    memory: state,
    destinations,
    associations: createAssociationDirectory(associationView),
    identity,
    breakers: new Breakers({ later: state.later, clock, random }),
    clock,
    random,
    logger,
    events: createSinkEvents(logger, sinkMetrics(context.metrics)),
  };
  const store = new RecordStore(bus.results, state, clock);
  const wakeLoop = new WakeLoop(store, deps).run(signal);
  context.onShutdown("waiting names", () => wakeLoop);
  const consumptions = followDestinations({
    commands: bus.commands,
    view: destinationView,
    handle: createCommandHandler(store, deps),
    concurrency: azureSink.concurrency,
    logger,
  });
  context.onShutdown("commands", async () => consumptions[Symbol.asyncDispose]());
  waitingFor = undefined;
}

// Read anew only when it was refused: reading the configuration costs more than a whole sync does.
function currentToken({ secrets, rereadSecrets }: Context): (refused?: SecretValue) => Promise<SecretValue> {
  let { token } = secrets;
  return async (refused) => {
    if (refused !== undefined && refused.reveal() === token.reveal()) ({ token } = await rereadSecrets());
    return token;
  };
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
