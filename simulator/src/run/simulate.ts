// Owns: one run: a world from a script, its life, its healing and its end.
import { whatDiffers } from "../oracle/final.ts";
import type { Breach } from "../oracle/oracle.ts";
import { hintOf, MOUNT, Performer } from "../script/perform.ts";
import type { Script } from "../script/steps.ts";
import { installGlobals } from "../swap/globals.ts";
import { setWorld, type World } from "../world.ts";
import { createWorld, START } from "./create-world.ts";
import type { History } from "./history.ts";
import { Processes, ROLES } from "./launch.ts";

export interface RunEnd {
  readonly breaches: readonly Breach[];
  readonly history: History;
  readonly simulatedMs: number;
  readonly effects: number;
  readonly events: number;
  readonly edges: ReadonlyMap<string, number>;
}

export interface RunOptions {
  readonly keepHistory: boolean;
  /** Stop at the first breach. */
  readonly stopAtBreach: boolean;
  /** Why the end is not as it should be, beside the oracle; asked while the world still lives. */
  readonly expect?: () => string | undefined;
}

const HEAL_MS_MIN = 18 * 60_000;
const HEAL_MS_MAX = 75 * 60_000;
const LOOK_MS = 60_000;

/** Runs a script to its end. */
export async function simulate(script: Script, options: RunOptions): Promise<RunEnd> {
  const uninstall = installGlobals();
  try {
    return await live(script, options);
  } finally {
    setWorld(undefined);
    uninstall();
  }
}

async function live(script: Script, { keepHistory, stopAtBreach, expect }: RunOptions): Promise<RunEnd> {
  const made = createWorld(script.seed, keepHistory);
  setWorld(made);
  const { scheduler, source, vaults, history, network, oracle } = made;
  oracle.deletesPerHour = script.deletesPerHour;
  vaults.onEffect = (effect) => oracle.effect(effect);
  vaults.onCreate = (...facts) => oracle.created(...facts);
  history.onLeak = (where, text) => oracle.leaked(where, text);
  history.onPublished = (...facts) => oracle.published(...facts);
  source.onChange = hintOf;
  source.enable(MOUNT);
  network.isTroubled = true;
  const { sweepIntervalS, settleIntervalS, deletesPerHour, skewMs } = script;
  const processes = new Processes({ sweepIntervalS, settleIntervalS, deletesPerHour, skewMs });
  const performer = new Performer(processes);
  for (const role of ROLES) processes.start(role);
  for (const { at, step } of script.steps) scheduler.after(at, undefined, () => performer.perform(step));
  const isOver = (): boolean => stopAtBreach && oracle.breaches.length > 0;
  await scheduler.run(START + script.healAt, isOver);
  if (!isOver()) await heal(made, performer, isOver);
  const unexpected = isOver() ? undefined : expect?.();
  if (unexpected !== undefined) oracle.breach("P1", unexpected);
  processes.isHalted = true;
  for (const role of ROLES) processes.kill(role);
  return {
    breaches: oracle.breaches,
    history,
    simulatedMs: scheduler.now - START,
    effects: oracle.effects,
    events: scheduler.events,
    edges: oracle.edges,
  };
}

async function heal(
  { scheduler, network, oracle }: World,
  performer: Performer,
  isOver: () => boolean,
): Promise<void> {
  performer.heal();
  network.isTroubled = false;
  const healedAt = scheduler.now;
  await scheduler.run(healedAt + HEAL_MS_MIN, isOver);
  let differences = whatDiffers();
  while (differences.length > 0 && scheduler.now < healedAt + HEAL_MS_MAX && !isOver()) {
    await scheduler.run(scheduler.now + LOOK_MS, isOver);
    differences = whatDiffers();
  }
  if (!isOver()) for (const difference of differences) oracle.breach("P1", difference);
}
