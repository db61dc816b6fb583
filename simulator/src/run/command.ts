// Owns: what the command does: run seeds, tell of a failure so that a person can read it, and say how fast it went.
import { generateScript } from "../script/generate.ts";
import type { Options } from "./arguments.ts";
import { simulate } from "./simulate.ts";

/** Runs it; gives the exit code. */
export async function runCommand(options: Options): Promise<number> {
  const { seeds } = options;
  if (seeds === undefined) return 0;
  const startedAt = performance.now();
  let simulatedMs = 0;
  let failed = 0;
  let effects = 0;
  const edges = new Map<string, number>();
  for (let seed = seeds.from; seed <= seeds.to; seed += 1) {
    const script = generateScript(seed, options.hours);
    const end = await simulate(script, { keepHistory: options.isVerbose, stopAtBreach: true });
    simulatedMs += end.simulatedMs;
    effects += end.effects;
    for (const [edge, count] of end.edges) edges.set(edge, (edges.get(edge) ?? 0) + count);
    if (options.isVerbose) process.stdout.write(`${end.history.format()}\n`);
    for (const { promise, text } of end.breaches) process.stdout.write(`seed ${seed}: ${promise} ${text}\n`);
    if (end.breaches.length > 0) failed += 1;
  }
  const wallS = (performance.now() - startedAt) / 1000;
  const hours = simulatedMs / 3_600_000;
  const count = seeds.to - seeds.from + 1;
  process.stdout.write(
    `${count} seed(s), ${hours.toFixed(1)} simulated hours, ${effects} effects on vaults, ${failed} with a breach; ` +
      `${wallS.toFixed(1)} s, ${Math.round((hours / wallS) * 3600)} simulated hours an hour\n` +
      `edges: ${[...edges].map(([edge, times]) => `${edge} ${times}`).join(", ") || "none"}\n`,
  );
  return failed === 0 ? 0 : 1;
}
