// Owns: one fault run from its start to its report: quiet, faults, heal, converge, quiet again, judge.

import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET, DEFAULT_TENANT_ID } from "@keyferry/key-vault-emulator";
import { Canary, eventually, type VaultApi } from "@keyferry/testkit";
import { Chance } from "./chance.ts";
import { healAll } from "./faults/kinds.ts";
import { type DoneFault, performAll, planFaults } from "./faults/schedule.ts";
import { watchAvailability } from "./judge/availability.ts";
import { differences, wrongStatuses } from "./judge/convergence.ts";
import { arrivalsOf, figuresOf, longestStandstill } from "./judge/latency.ts";
import { groupEffects, judge } from "./judge/promises.ts";
import { readLog } from "./judge/vault-log.ts";
import { Load } from "./load/load.ts";
import { Changes } from "./load/source-changes.ts";
import { Story } from "./load/story.ts";
import { putAsStranger } from "./load/stranger.ts";
import type { ChaosOptions } from "./options.ts";
import { type ChaosReport, summarise, thisMachine } from "./report/report.ts";
import { type Stand, startStand } from "./stand/stand.ts";

const VAULTS = ["chaos-a", "chaos-b"] as const;
/** More than one window of Azure's limit, in one vault. */
const BULK_SECRETS = 350;
const STRANGERS = 5;
/** Time for late looks at writes whose answer was lost (2 minutes), and for what had backed off. */
const CONVERGE_MS_MAX = 360_000;
const READY_MS_MAX = 120_000;
/** The share of the time that is quiet, at the start and again at the end. */
const QUIET_SHARE = 0.1;
const QUIET_MS_MAX = 60_000;
/** Bursts come so far apart, so that a run of any length has at least one. */
const BURST_EVERY_MS = 180_000;

type Say = (text: string) => void;

interface Cast {
  readonly stories: readonly Story[];
  readonly bulk: readonly Story[];
  readonly strangers: readonly Story[];
}

/** Does the run. @throws Error where it could not be done, which is no verdict */
export async function runChaos(options: ChaosOptions, say: Say): Promise<ChaosReport> {
  const dir = options.keep ?? (await mkdtemp(join(tmpdir(), "keyferry-chaos-")));
  try {
    const machine = thisMachine();
    const startedAt = new Date().toISOString();
    await using stand = await startStand(dir, say);
    return { ...(await runOn(stand, options, say)), machine, startedAt };
  } finally {
    if (options.keep === undefined) await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function runOn(
  stand: Stand,
  options: ChaosOptions,
  say: Say,
): Promise<Omit<ChaosReport, "machine" | "startedAt">> {
  const { seed, minutes, ratePerS } = options;
  const totalMs = minutes * 60_000;
  const quietMs = Math.min(totalMs * QUIET_SHARE, QUIET_MS_MAX);
  const marker = `canary-${randomBytes(15).toString("base64url")}`;
  const changes = new Changes(stand.source, stand.apis, marker);
  const cast = castOf(options.secrets);
  const load = new Load({ chance: new Chance(seed), changes, stories: cast.stories, ratePerS });
  const pairs = [...cast.stories, ...cast.bulk, ...cast.strangers].flatMap((story) => story.pairs);
  const strangers = new Set(cast.strangers.map(({ path }) => path));

  await prepare(stand, say);
  const strangerWrites = await plantStrangers(stand, changes, cast.strangers);
  say(`first sync of ${cast.stories.length + cast.bulk.length} secrets`);
  await load.burst([...cast.stories, ...cast.bulk]);
  await converge(stand, pairs, strangers, say);

  const watching = new AbortController();
  const apiUp = watchAvailability(
    stand.apis.map((api) => () => answers(api, `sys/sync/destinations/azure-kv/${VAULTS[0]}`)),
    watching.signal,
  );
  const sourceUp = watchAvailability([() => answers(stand.source, "sys/health")], watching.signal);

  const beforeMs = Date.now();
  say(`load without faults, ${seconds(quietMs)} s`);
  await withLoad(load, async () => await delay(quietMs));
  await converge(stand, pairs, strangers, say);

  const faultsMs = Date.now();
  const done = await underFaults(stand, { load, bulk: cast.bulk, seed, forMs: totalMs - 2 * quietMs }, say);
  await healAll(stand);
  const healedMs = Date.now();
  const converged = await converge(stand, pairs, strangers, say);
  const convergedAfterMs = converged ? Date.now() - healedMs : undefined;

  const afterMs = Date.now();
  say(`load without faults, ${seconds(quietMs)} s`);
  await withLoad(load, async () => await delay(quietMs));
  await converge(stand, pairs, strangers, say);
  watching.abort();

  say("judging");
  const left = await differences(stand.keyVault, pairs, strangers);
  const statuses = await rightStatuses(stand, pairs, strangers);
  const log = await readLog(stand.keyVault);
  if (log.dropped > 0)
    throw new Error(`the emulator's log lost ${log.dropped} records; nothing can be judged`);
  const canary = new Canary();
  canary.add("value", marker);
  const found = await canary.searchFiles(stand.dir);
  const searchedBytes = await sizeOf(stand.dir);
  const byName = groupEffects(log.effects);
  const arrivals = pairs.flatMap((pair) =>
    arrivalsOf(pair.states, byName.get(`${pair.vault}/${pair.name}`) ?? []),
  );
  const { tally } = changes;
  return {
    seed,
    minutes,
    load: {
      secrets: cast.stories.length,
      bulkSecrets: cast.bulk.length,
      vaults: VAULTS.length,
      changes: tally.changes,
      refused: tally.refused,
    },
    faults: summarise(done),
    crashes: Object.fromEntries(
      stand.slots.filter(({ crashes }) => crashes > 0).map((slot) => [slot.name, slot.crashes]),
    ),
    convergedAfterMs,
    verdicts: judge({
      pairs,
      strangers,
      log,
      left,
      wrongStatuses: statuses,
      convergedAfterMs,
      strangerWrites,
      found,
      searchedBytes,
    }),
    latency: {
      before: figuresOf(arrivals, beforeMs, faultsMs),
      during: figuresOf(arrivals, faultsMs, healedMs),
      after: figuresOf(arrivals, afterMs, Number.POSITIVE_INFINITY),
    },
    availability: {
      api: await apiUp,
      source: await sourceUp,
      standstillMs: longestStandstill(arrivals.filter(({ wishedMs }) => wishedMs >= beforeMs)),
    },
  };
}

function castOf(secrets: number): Cast {
  const all = (prefix: string, count: number, vaults: readonly string[]): readonly Story[] =>
    Array.from({ length: count }, (_, index) => new Story(`${prefix}-${index}`, vaults));
  return {
    // A third of them goes to both vaults.
    stories: [
      ...all("one", Math.ceil((secrets * 2) / 3), [VAULTS[0]]),
      ...all("two", Math.floor(secrets / 3), VAULTS),
    ],
    bulk: all("bulk", BULK_SECRETS, [VAULTS[1]]),
    strangers: all("stranger", STRANGERS, VAULTS),
  };
}

async function prepare(stand: Stand, say: Say): Promise<void> {
  say("waiting for the services to be ready, and making the destinations");
  await eventually(
    async () => (await Promise.all(stand.slots.map(({ service }) => service.isReady()))).every(Boolean),
    {
      what: "all services to be ready",
      timeoutMs: READY_MS_MAX,
    },
  );
  for (const vault of VAULTS) {
    await stand.apis[0]?.expect("PUT", `sys/sync/destinations/azure-kv/${vault}`, {
      key_vault_uri: `https://${vault}.vault.azure.net`,
      tenant_id: DEFAULT_TENANT_ID,
      client_id: DEFAULT_CLIENT_ID,
      client_secret: DEFAULT_CLIENT_SECRET,
      secret_name_template: "{{ .SecretPath }}",
    });
  }
}

/** Their names are taken in the vaults, and then associated by us. */
async function plantStrangers(stand: Stand, changes: Changes, stories: readonly Story[]): Promise<number> {
  for (const { pairs } of stories) {
    for (const { vault, name } of pairs) await putAsStranger(stand.keyVault, vault, name);
  }
  for (const story of stories) {
    await changes.write(story);
    for (const pair of story.pairs) await changes.associate(story, pair);
  }
  return stories.length * VAULTS.length;
}

async function underFaults(
  stand: Stand,
  parts: {
    readonly load: Load;
    readonly bulk: readonly Story[];
    readonly seed: number;
    readonly forMs: number;
  },
  say: Say,
): Promise<readonly DoneFault[]> {
  const { load, bulk, seed, forMs } = parts;
  const planned = planFaults(new Chance(seed ^ 0x5eed), forMs);
  say(`${planned.length} faults in ${seconds(forMs)} s under load`);
  const bursts = new AbortController();
  const bursting = burstAgain(load, bulk, Math.min(BURST_EVERY_MS, forMs / 3), bursts.signal);
  let done: readonly DoneFault[] = [];
  await withLoad(load, async () => {
    done = await performAll(stand, planned, (fault) => {
      const tookS = seconds(fault.endedMs - fault.startedMs);
      say(
        `  ${fault.kind} ${fault.victim} ${tookS} s${fault.trouble === undefined ? "" : `: ${fault.trouble}`}`,
      );
    });
    bursts.abort();
    await bursting;
  });
  return done;
}

async function burstAgain(
  load: Load,
  bulk: readonly Story[],
  everyMs: number,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await delay(everyMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    await load.burst(bulk);
  }
}

async function withLoad(load: Load, work: () => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const loading = load.run(stop.signal);
  try {
    await work();
  } finally {
    stop.abort();
    await loading;
  }
}

/** Waits until the vaults hold what is wished; false where they don't in the time that P1 is given here. */
async function converge(
  stand: Stand,
  pairs: readonly Story["pairs"][number][],
  strangers: ReadonlySet<string>,
  say: Say,
): Promise<boolean> {
  const startMs = Date.now();
  try {
    await eventually(async () => (await differences(stand.keyVault, pairs, strangers)).length, {
      what: "the vaults to hold what is wished",
      until: (count) => count === 0,
      timeoutMs: CONVERGE_MS_MAX,
    });
    say(`in step after ${seconds(Date.now() - startMs)} s`);
    return true;
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return false;
  }
}

/** A status follows the vault within a moment. */
async function rightStatuses(
  stand: Stand,
  pairs: readonly Story["pairs"][number][],
  strangers: ReadonlySet<string>,
): Promise<readonly string[]> {
  let last: readonly string[] = ["the API did not answer"];
  const look = async (): Promise<boolean> => {
    last = await wrongStatuses(stand.apis, pairs, strangers);
    return last.length === 0;
  };
  await eventually(look, { what: "the statuses to be right", timeoutMs: 60_000 }).catch(() => undefined);
  return last;
}

async function answers(api: VaultApi, path: string): Promise<boolean> {
  return await api.call("GET", path).then(
    ({ status }) => status === 200,
    () => false,
  );
}

async function sizeOf(dir: string): Promise<number> {
  const files = await readdir(dir, { recursive: true, withFileTypes: true });
  const sizes = files
    .filter((file) => file.isFile())
    .map((file) =>
      stat(join(file.parentPath, file.name)).then(
        ({ size }) => size,
        () => 0,
      ),
    );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}
