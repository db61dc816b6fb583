// Owns: the form of a hazard's scenario: a short script by a person, and the end that is expected of it. The oracle
// watches as it does in every run: a scenario fails by any breach, and beside that by its own expectation.
import type { Script, Step, TimedStep } from "../script/steps.ts";
import { world } from "../world.ts";
import { latestOf } from "../servers/key-vault.ts";
import { writeOf } from "../oracle/canary.ts";

export interface Scenario {
  /** As in the list of hazards. */
  readonly name: string;
  readonly steps: readonly TimedStep[];
  /** From then on everything heals, s. */
  readonly healAtS: number;
  /** Why the end is not as expected; undefined if it is. Asked after healing. */
  readonly expect: () => string | undefined;
  readonly settings?: Partial<
    Pick<Script, "deletesPerHour" | "sweepIntervalS" | "settleIntervalS" | "skewMs">
  >;
}

export const HOST = "first.vault.azure.net";
export const PATH = "app/db";
export const NAME = "a-app-db";

/** Steps at seconds since the start. */
export function at(seconds: number, ...steps: readonly Step[]): TimedStep[] {
  return steps.map((step, index) => ({ at: seconds * 1_000 + index, step }));
}

/** A secret with one version, a destination and their association, in step by about 40 s. */
export function opening(path: string = PATH): TimedStep[] {
  return [
    ...at(1, { do: "write", path }),
    ...at(15, { do: "destination", destination: "east", host: HOST, template: "a-{{ .SecretPath }}" }),
    ...at(20, { do: "set", path, destination: "east" }),
  ];
}

/** Which write lies under a name now; "none" if nothing that can be read. */
export function held(name: string = NAME, host: string = HOST): string {
  const { vaults } = world();
  const secret = vaults.find(host, name);
  if (secret === undefined || vaults.phaseOf(secret) !== "active") return "none";
  const value = latestOf(secret)?.value ?? "";
  return String(writeOf(value) ?? "foreign");
}

export function expectHeld(wanted: string, name: string = NAME): () => string | undefined {
  return () => (held(name) === wanted ? undefined : `${name} holds ${held(name)}, expected ${wanted}`);
}

/** How many versions were ever written under a name that is there. */
export function versionsOf(name: string = NAME): number {
  return world().vaults.find(HOST, name)?.versions.length ?? 0;
}

export function scriptOfScenario({ name, steps, healAtS, settings }: Scenario): Script {
  return {
    seed: `hazard ${name}`,
    sweepIntervalS: 120,
    settleIntervalS: 30,
    deletesPerHour: 10,
    skewMs: {},
    ...settings,
    steps: [...steps].sort((a, b) => a.at - b.at),
    healAt: healAtS * 1_000,
  };
}
