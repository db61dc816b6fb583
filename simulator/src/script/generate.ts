// Owns: a script from a seed: who does what when, and what goes wrong. Profiles shift the weights, so that some runs
// are all about NATS and others about the vault.
import { ROLES } from "../run/launch.ts";
import { SeededRandom } from "../time/random.ts";
import { type Aim, AIMS } from "./aims.ts";
import type { Script, Step, TimedStep } from "./steps.ts";

const MINUTE_MS = 60_000;
const PATHS = ["app/db", "app/api", "web", "batch/one", "batch/two"];
const VAULT = "first.vault.azure.net";
const OTHER_VAULT = "second.vault.azure.net";
const TEMPLATES = ["a-{{ .SecretPath }}", "b-{{ .SecretPath }}", "{{ .DestinationName }}-{{ .SecretPath }}"];
const KEYS = ["user", "password", "url"];
const DESTINATIONS = ["east", "west", "keys"] as const;
const SERVERS = ["nats", "redis", "source", "vault"] as const;
const STREAMS = ["KV2_EVENTS", "SYNC_DESIRED", "SYNC_RESULTS"];

export type Family =
  | "source"
  | "person"
  | "foreign"
  | "process"
  | "network"
  | "vault"
  | "redis"
  | "nats"
  | "source-fault";

const PROFILES: Readonly<Record<string, Readonly<Record<Family, number>>>> = {
  all: {
    source: 30,
    person: 10,
    foreign: 2,
    process: 12,
    network: 8,
    vault: 8,
    redis: 3,
    nats: 3,
    "source-fault": 4,
  },
  processes: {
    source: 30,
    person: 10,
    foreign: 0,
    process: 40,
    network: 2,
    vault: 2,
    redis: 1,
    nats: 0,
    "source-fault": 1,
  },
  vault: {
    source: 30,
    person: 12,
    foreign: 3,
    process: 8,
    network: 2,
    vault: 30,
    redis: 1,
    nats: 0,
    "source-fault": 1,
  },
  memory: {
    source: 30,
    person: 8,
    foreign: 1,
    process: 8,
    network: 4,
    vault: 6,
    redis: 20,
    nats: 0,
    "source-fault": 1,
  },
  streams: {
    source: 30,
    person: 8,
    foreign: 0,
    process: 8,
    network: 8,
    vault: 4,
    redis: 4,
    nats: 18,
    "source-fault": 1,
  },
  source: {
    source: 40,
    person: 8,
    foreign: 0,
    process: 6,
    network: 4,
    vault: 2,
    redis: 1,
    nats: 0,
    "source-fault": 20,
  },
  quiet: {
    source: 30,
    person: 10,
    foreign: 3,
    process: 0,
    network: 0,
    vault: 0,
    redis: 0,
    nats: 0,
    "source-fault": 0,
  },
};

/** The script of a seed, `hours` long, healing included not. `aim`: what it is all about, in place of the seed's profile. */
export function generateScript(seed: number, hours: number, aim?: string): Script {
  const random = new SeededRandom(`script ${seed}`);
  const profile = PROFILES[random.pick(Object.keys(PROFILES))] ?? PROFILES["all"];
  const aimed: Aim | undefined = aim === undefined ? undefined : AIMS[aim];
  const until = hours * 60 * MINUTE_MS;
  const steps: TimedStep[] = [...opening(random), ...(aimed?.opening ?? [])];
  const meanMs = random.pick([8_000, 20_000, 45_000]);
  let at = MINUTE_MS;
  while (at < until) {
    at += -Math.log(1 - random.fraction()) * meanMs;
    const step = aimed === undefined ? undefined : random.chance(aimed.share) && aimed.step(random);
    const family = random.weighted<Family>((aimed?.weights ?? profile) as Readonly<Record<Family, number>>);
    for (const one of step ? [step] : stepsOf(family, random)) steps.push({ at, step: one });
    // Bursts: several things within a moment are what races are made of.
    if (random.chance(0.3)) at -= random.fraction() * meanMs * 0.5;
    at = Math.max(MINUTE_MS, at);
  }
  return {
    seed: String(seed),
    sweepIntervalS: random.pick([60, 120, 300]),
    settleIntervalS: random.pick([30, 60]),
    deletesPerHour: random.pick([2, 10, 50]),
    skewMs: Object.fromEntries(
      ROLES.map((role) => [role, random.chance(0.2) ? random.between(-30_000, 30_000) : 0]),
    ),
    ...aimed?.settings,
    steps: steps.filter((step) => step.at <= until).toSorted((a, b) => a.at - b.at),
    healAt: until,
  };
}

function opening(random: SeededRandom): TimedStep[] {
  const steps: TimedStep[] = [];
  const add = (at: number, step: Step): void => void steps.push({ at, step });
  for (const path of PATHS) if (random.chance(0.8)) add(1_000, { do: "write", path, keys: KEYS.slice(0, 2) });
  add(15_000, { do: "destination", destination: "east", host: VAULT, template: TEMPLATES[0] ?? "" });
  add(15_100, {
    do: "destination",
    destination: "west",
    host: random.chance(0.5) ? VAULT : OTHER_VAULT,
    template: TEMPLATES[2] ?? "",
  });
  add(15_200, {
    do: "destination",
    destination: "keys",
    host: OTHER_VAULT,
    template: "k-{{ .SecretPath }}-{{ .SecretKey }}",
    granularity: "secret-key",
  });
  for (const path of PATHS) {
    for (const destination of DESTINATIONS) {
      if (random.chance(destination === "keys" ? 0.3 : 0.6))
        add(20_000 + random.between(0, 10_000), { do: "set", path, destination });
    }
  }
  return steps;
}

function stepsOf(family: Family, random: SeededRandom): Step[] {
  const path = random.pick(PATHS);
  const destination = random.pick(DESTINATIONS);
  const role = random.pick(ROLES);
  const forS = random.pick([1, 3, 8, 20, 45, 90]);
  switch (family) {
    case "source":
      return [sourceStep(path, random)];
    case "person":
      return [personStep(path, destination, random)];
    case "foreign":
      return [
        {
          do: "foreign",
          act: random.pick(["put", "edit", "delete", "purge", "take"] as const),
          path,
          destination,
        },
      ];
    case "process":
      return [{ do: random.pick(["kill", "kill", "freeze", "freeze", "stop"] as const), role, forS }];
    case "network":
      return [networkStep(role, forS, random)];
    case "vault":
      return [vaultStep(forS, random)];
    case "redis":
      return [redisStep(forS, random)];
    case "nats":
      return natsSteps(forS, random);
    case "source-fault":
      return [sourceFault(forS, random)];
  }
}

function sourceStep(path: string, random: SeededRandom): Step {
  const what = random.weighted({
    write: 50,
    delete: 14,
    undelete: 10,
    destroy: 4,
    metadata: 6,
    "delete-metadata": 8,
  });
  switch (what) {
    case "write":
      return {
        do: "write",
        path,
        keys: random.chance(0.15) ? KEYS.slice(0, random.between(1, 3)) : KEYS.slice(0, 2),
      };
    case "delete":
    case "undelete":
    case "destroy":
      return { do: what, path, back: random.chance(0.8) ? 0 : random.between(1, 2) };
    case "metadata":
      return {
        do: "metadata",
        path,
        label: String(random.between(1, 9)),
        deleteAfterS: random.chance(0.3) ? random.pick([40, 120, 600]) : 0,
      };
    case "delete-metadata":
      return { do: "delete-metadata", path };
  }
}

function personStep(path: string, destination: (typeof DESTINATIONS)[number], random: SeededRandom): Step {
  const what = random.weighted({ set: 45, remove: 30, template: 12, purge: 4 });
  if (what === "set" || what === "remove") return { do: what, path, destination };
  if (what === "purge") return { do: "purge-destination", destination: "west" };
  return {
    do: "destination",
    destination: random.pick(["east", "west"]),
    host: destination === "west" ? OTHER_VAULT : VAULT,
    template: random.pick(TEMPLATES),
  };
}

function networkStep(role: (typeof ROLES)[number], forS: number, random: SeededRandom): Step {
  const server = random.pick(SERVERS);
  return random.weighted({ away: 2, cut: 4, slow: 3, hints: 3 }) === "away"
    ? { do: "away", server, forS }
    : random.pick<Step>([
        { do: "cut", role, server, forS },
        { do: "slow", server, chance: 0.2, upToS: random.pick([0.2, 2, 6]), forS },
        { do: "hints", loss: random.pick([0, 0.5, 1]), copies: random.pick([0, 0.5]), forS: forS * 3 },
      ]);
}

function vaultStep(forS: number, random: SeededRandom): Step {
  return random.pick<Step>([
    { do: "lost-answers", server: "vault", chance: 0.4, forS },
    { do: "slow", server: "vault", chance: 0.4, upToS: random.pick([8, 30, 30, 240]), forS },
    { do: "vault-errors", chance: 0.4, forS },
    { do: "vault-denied", forS: forS * 2 },
    { do: "vault-limit", creates: random.between(1, 6), forS: forS * 3 },
    {
      do: "soft-delete",
      deletingS: random.pick([0.1, 5, 60]),
      recoveringS: random.pick([0.2, 10, 120]),
      forS: forS * 5,
    },
    { do: "away", server: "vault", forS: forS * 2 },
  ]);
}

function redisStep(forS: number, random: SeededRandom): Step {
  return random.pick<Step>([
    { do: "fail-over", lostMs: random.pick([500, 2_000, 10_000]) },
    { do: "fail-over", lostMs: random.pick([500, 2_000, 10_000]) },
    { do: "flush" },
    { do: "away", server: "redis", forS },
    { do: "lost-answers", server: "redis", chance: 0.1, forS },
  ]);
}

function natsSteps(forS: number, random: SeededRandom): Step[] {
  const stream = random.pick(STREAMS);
  return random.pick<Step[]>([
    [{ do: "save-stream", stream }],
    [{ do: "lose-tail", stream }],
    [{ do: "away", server: "nats", forS }],
    [{ do: "lost-answers", server: "nats", chance: 0.2, forS }],
    [{ do: "stale-reads", behindMs: random.pick([200, 1_500]), forS: Math.min(forS, 20) }],
    random.chance(0.1) ? [{ do: "lose-stream", stream }] : [{ do: "save-stream", stream }],
  ]);
}

function sourceFault(forS: number, random: SeededRandom): Step {
  return random.pick<Step>([
    { do: "standby", lagMs: random.pick([100, 800, 1_500]), forS: forS * 4 },
    { do: "standby", lagMs: random.pick([100, 800, 1_500]), forS: forS * 4 },
    // Far behind, but not for as long as a second read waits.
    { do: "standby", lagMs: random.pick([60_000, 600_000]), forS: 15 },
    { do: "seal", forS },
    { do: "away", server: "source", forS },
    { do: "save-source" },
    { do: "save-source" },
    { do: "restore-source" },
    { do: "other-cluster", forS },
  ]);
}
