// Owns: what the command does: run seeds, scenarios and kept seeds, tell of a failure so that a person can read it, and
// say how fast it went.
import { ELSEWHERE, FIGURES } from "../hazards/elsewhere.ts";
import { type Scenario, scriptOfScenario } from "../hazards/scenario.ts";
import { SCENARIOS } from "../hazards/scenarios.ts";
import { MUTATIONS } from "../mutations/mutations.ts";
import { generateScript } from "../script/generate.ts";
import { formatStep, type Script } from "../script/steps.ts";
import type { Options } from "./arguments.ts";
import { formatTime } from "./history.ts";
import { readKeptSeeds, scriptOf } from "./kept-seeds.ts";
import { shrink } from "./shrink.ts";
import { type RunEnd, simulate } from "./simulate.ts";

const HISTORY_LINES_SHOWN = 120;
const PROGRESS_EVERY_MS = 30_000;
// The hour of healing is full of it.
const ROUTINE = /^\S+ {2}\S+ +(?:sweep |sweeping |settle: round ended|the lease )/;

/** Runs it; gives the exit code. */
export async function runCommand(options: Options): Promise<number> {
  const report = new Report();
  if (options.kept) {
    for (const kept of readKeptSeeds())
      await runOne(`kept seed ${kept.seed}`, scriptOf(kept), options, report);
  }
  if (options.sound) {
    for (const [aim, seed] of findingRuns()) {
      const name = `seed ${seed}${aim === undefined ? "" : ` of ${aim}`}`;
      await runOne(name, generateScript(seed, options.hours, aim), options, report);
    }
  }
  if (options.hazards) await runHazards(options, report);
  if (options.seeds !== undefined) {
    for (let seed = options.seeds.from; seed <= options.seeds.to; seed += 1) {
      await runOne(`seed ${seed}`, generateScript(seed, options.hours, options.aim), options, report);
      report.progress(options.seeds.to - seed);
      if (options.mutation !== undefined && report.failed > 0) {
        print(`mutation ${options.mutation}: found by seed ${seed}`);
        return 1;
      }
    }
  }
  report.print();
  return report.failed === 0 ? 0 : 1;
}

/** Each run that finds a mutation, once; scenarios are in `--hazards`. */
function findingRuns(): readonly (readonly [string | undefined, number])[] {
  const runs = MUTATIONS.flatMap(({ aim, foundBy }) =>
    typeof foundBy === "number" ? [[`${aim} ${foundBy}`, [aim, foundBy] as const] as const] : [],
  );
  return [...new Map(runs).values()];
}

async function runOne(name: string, script: Script, options: Options, report: Report): Promise<void> {
  const { isVerbose: keepHistory } = options;
  const end = await simulate(script, { keepHistory, stopAtBreach: true });
  report.add(end);
  if (keepHistory) print(end.history.format());
  const [breach] = end.breaches;
  if (breach === undefined) return;
  for (const { promise, text } of end.breaches) print(`${name}: ${promise} ${text}`);
  if (options.mutation !== undefined || !options.shrink) return;
  print(`${name}: looking for a shorter script that breaks ${breach.promise} too`);
  const { script: shortest, tries } = await shrink(script, breach.promise);
  const { history } = await simulate(shortest, { keepHistory: true, stopAtBreach: true });
  print(`after ${tries} tries, ${shortest.steps.length} of ${script.steps.length} steps are left:`);
  for (const { at, step } of shortest.steps) print(`  ${formatTime(at)}  ${formatStep(step)}`);
  print(`what happened, its last ${HISTORY_LINES_SHOWN} lines without what happens all the time:`);
  const lines = history
    .format()
    .split("\n")
    .filter((line) => !ROUTINE.test(line));
  print(lines.slice(-HISTORY_LINES_SHOWN).join("\n"));
  print(
    `to keep it: ${JSON.stringify({ seed: Number(script.seed), hours: options.hours, ...(options.aim === undefined ? {} : { aim: options.aim }), found: breach.text, script: shortest })}`,
  );
}

async function runHazards({ only, isVerbose }: Options, report: Report): Promise<void> {
  const isWanted = (name: string): boolean => only === undefined || name.includes(only);
  for (const scenario of SCENARIOS.filter(({ name }) => isWanted(name))) {
    const why = await runScenario(scenario, isVerbose, report);
    print(
      `${why === undefined ? "ok    " : "FAILED"} ${scenario.name}${why === undefined ? "" : `: ${why}`}`,
    );
  }
  for (const [name, file] of Object.entries(ELSEWHERE)) if (isWanted(name)) print(`test   ${name}: ${file}`);
  for (const name of FIGURES) if (isWanted(name)) print(`figure ${name}: bench/`);
}

async function runScenario(
  scenario: Scenario,
  keepHistory: boolean,
  report: Report,
): Promise<string | undefined> {
  const { expect } = scenario;
  const end = await simulate(scriptOfScenario(scenario), { keepHistory, stopAtBreach: true, expect });
  report.add(end);
  if (keepHistory) print(end.history.format());
  const [breach] = end.breaches;
  return breach === undefined ? undefined : `${breach.promise} ${breach.text}`;
}

/** Counts over all runs of a command. */
class Report {
  readonly #startedAt = performance.now();
  readonly #edges = new Map<string, number>();
  #runs = 0;
  #simulatedMs = 0;
  #effects = 0;
  failed = 0;
  #toldAt = this.#startedAt;

  /** Says now and then, beside the output, how far it is. */
  progress(left: number): void {
    const now = performance.now();
    if (now - this.#toldAt < PROGRESS_EVERY_MS || left === 0) return;
    this.#toldAt = now;
    const minutes = Math.ceil((((now - this.#startedAt) / this.#runs) * left) / 60_000);
    process.stderr.write(
      `${this.#runs} of ${this.#runs + left} runs, ${this.failed} with a breach; about ${minutes} min left\n`,
    );
  }

  add({ breaches, simulatedMs, effects, edges }: RunEnd): void {
    this.#runs += 1;
    this.#simulatedMs += simulatedMs;
    this.#effects += effects;
    if (breaches.length > 0) this.failed += 1;
    for (const [edge, count] of edges) this.#edges.set(edge, (this.#edges.get(edge) ?? 0) + count);
  }

  print(): void {
    const wallS = (performance.now() - this.#startedAt) / 1000;
    const cpuS = (process.cpuUsage().user + process.cpuUsage().system) / 1e6;
    const hours = this.#simulatedMs / 3_600_000;
    const edges = [...this.#edges].map(([edge, times]) => `${edge} ${times}`).join(", ");
    print(
      `${this.#runs} runs, ${hours.toFixed(1)} simulated hours, ${this.#effects} effects on vaults, ${this.failed} with a breach`,
    );
    print(
      `${wallS.toFixed(1)} s, ${cpuS.toFixed(1)} s of CPU: ${Math.round((hours / cpuS) * 3600)} simulated hours an hour of one core`,
    );
    print(`edges met: ${edges === "" ? "none" : edges}`);
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
