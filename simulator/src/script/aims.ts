// Owns: runs that are all about one kind of trouble (`--aim NAME`), with more of it than chance would bring. They are apart
// from the profiles among which a seed chooses, so that an aim more changes no seed.
import type { SeededRandom } from "../time/random.ts";
import type { Family } from "./generate.ts";
import type { Script, Step, TimedStep } from "./steps.ts";

export interface Aim {
  readonly what: string;
  /** Of everything else. */
  readonly weights: Readonly<Partial<Record<Family, number>>>;
  /** How many of all steps are its own. */
  readonly share: number;
  readonly step: (random: SeededRandom) => Step;
  readonly opening?: readonly TimedStep[];
  readonly settings?: Partial<Pick<Script, "deletesPerHour" | "sweepIntervalS" | "settleIntervalS">>;
}

const PATHS = ["app/db", "app/api", "web", "batch/one", "batch/two"] as const;
const HOSTS = ["first.vault.azure.net", "second.vault.azure.net"] as const;
const DESTINATIONS = ["east", "west"] as const;

/** Persons' own secrets under the names that are about to be claimed; some of them are deleted by then. */
function foreignOpening(): TimedStep[] {
  const names = PATHS.flatMap((path) =>
    ["a", "b", "west"].map((start) => `${start}-${path.replace("/", "-")}`),
  );
  return HOSTS.flatMap((host) =>
    names.map((name, index) => ({
      at: 14_000 + index,
      step: { do: "foreign-secret", host, name, isDeleted: index % 2 === 1 } as const,
    })),
  );
}

export const AIMS: Readonly<Record<string, Aim>> = {
  foreigners: {
    what: "persons in the portal take names before us, delete ours and make them anew",
    weights: { source: 30, person: 20, foreign: 10, process: 4 },
    share: 0.35,
    step: (random) => ({
      do: "foreign",
      act: random.pick(["remake", "remake", "leave-deleted", "put"]),
      path: random.pick(PATHS),
      destination: random.pick(DESTINATIONS),
    }),
    opening: foreignOpening(),
  },
  standbys: {
    what: "reads of nodes that are far behind, and other clusters at the address",
    weights: { source: 50, person: 8, process: 2 },
    share: 0.4,
    step: (random) =>
      random.pick<Step>([
        { do: "standby", lagMs: random.pick([60_000, 200_000, 600_000]), forS: 15 },
        { do: "standby", lagMs: random.pick([60_000, 200_000, 600_000]), forS: 15 },
        { do: "other-cluster", forS: random.pick([45, 90]) },
      ]),
    settings: { sweepIntervalS: 60 },
  },
  deletes: {
    what: "more deletes at the source than a destination's budget gives leave for",
    weights: { source: 10, person: 6, process: 4 },
    share: 0.5,
    step: (random) => {
      const path = random.pick(PATHS);
      return random.pick<Step>([
        { do: "delete", path, back: 0 },
        { do: "delete-metadata", path },
        { do: "write", path, keys: ["user", "password"] },
      ]);
    },
    settings: { deletesPerHour: 2 },
  },
  "late-writes": {
    what: "requests to the vault that land minutes late, and answers that are lost",
    weights: { source: 40, person: 8, process: 6 },
    share: 0.3,
    step: (random) =>
      random.pick<Step>([
        { do: "slow", server: "vault", chance: 0.5, upToS: 240, forS: random.pick([8, 20]) },
        { do: "slow", server: "vault", chance: 0.5, upToS: 30, forS: random.pick([8, 20]) },
        { do: "lost-answers", server: "vault", chance: 0.5, forS: 20 },
      ]),
  },
  restores: {
    what: "snapshots of the source that are restored, secrets that are made anew, values read far behind",
    weights: { source: 40, person: 4, process: 2 },
    share: 0.5,
    step: (random) => {
      const path = random.pick(PATHS);
      return random.pick<Step>([
        { do: "save-source" },
        { do: "restore-source" },
        { do: "delete-metadata", path },
        { do: "write", path, keys: ["user", "password"] },
        { do: "standby", lagMs: 200_000, forS: 15 },
      ]);
    },
  },
  "lost-tails": {
    what: "streams that come back without what was acknowledged last",
    weights: { source: 40, person: 10, process: 6, redis: 2 },
    share: 0.35,
    step: (random) => {
      const stream = random.pick(["KV2_EVENTS", "SYNC_DESIRED", "SYNC_RESULTS"]);
      return random.pick<Step>([
        { do: "save-stream", stream },
        { do: "lose-tail", stream },
        { do: "away", server: "nats", forS: random.pick([3, 20]) },
      ]);
    },
  },
};
