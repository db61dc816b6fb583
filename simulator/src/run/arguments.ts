// Owns: reading the command line. Pure.
import { MUTATIONS } from "../mutations/mutations.ts";
import { AIMS } from "../script/aims.ts";

export interface Options {
  readonly seeds: { readonly from: number; readonly to: number } | undefined;
  readonly hours: number;
  readonly isVerbose: boolean;
  readonly shrink: boolean;
  readonly hazards: boolean;
  readonly kept: boolean;
  /** The runs that find mutations, without them. */
  readonly sound: boolean;
  readonly mutation: string | undefined;
  /** What every seed's run is about, in place of its own profile. */
  readonly aim: string | undefined;
  /** Only hazards whose name holds this. */
  readonly only: string | undefined;
}

export type Parsed =
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly why: string }
  | { readonly kind: "ok"; readonly options: Options };

export const USAGE = `npm run simulate -- --seed S [--hours H]   one run; prints its history if it fails
npm run simulate -- --seeds A..B [--hours H]   many runs
npm run simulate -- --kept                     the seeds that once failed (simulator/seeds.json)
npm run simulate -- --sound                    the runs that find mutations, without a mutation
npm run simulate -- --hazards [NAME]           lists every hazard, and runs those that have a scenario here

  --hours H       simulated hours of each run, healing not counted (default 1)
  --verbose       print the history of the run in any case
  --no-shrink     don't look for a shorter script that fails the same way
  --aim A         all about one kind of trouble: ${Object.keys(AIMS).join(", ")}
  --mutation M    with a deliberate mistake in the services: ${MUTATIONS.map(({ name }) => name).join(", ")}
`;

export function readArguments(args: readonly string[]): Parsed {
  let seeds: Options["seeds"];
  let hours = 1;
  let mutation: string | undefined;
  let aim: string | undefined;
  let only: string | undefined;
  const flags = new Set<string>();
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? "";
    const next = args[index + 1];
    if (arg === "--help" || arg === "-h") return { kind: "help" };
    if (arg === "--seed" || arg === "--seeds") {
      const found = /^(\d+)(?:\.\.(\d+))?$/.exec(next ?? "");
      if (found === null) return { kind: "wrong", why: `${arg} takes a number, or two as 1..100` };
      seeds = { from: Number(found[1]), to: Number(found[2] ?? found[1]) };
      index += 1;
    } else if (arg === "--hours") {
      hours = Number(next);
      if (!(hours > 0 && hours <= 10_000)) return { kind: "wrong", why: "--hours takes a number above 0" };
      index += 1;
    } else if (arg === "--mutation") {
      if (!MUTATIONS.some(({ name }) => name === next))
        return { kind: "wrong", why: `there is no mutation ${next}` };
      mutation = next;
      index += 1;
    } else if (arg === "--aim") {
      if (next === undefined || AIMS[next] === undefined)
        return { kind: "wrong", why: `there is no aim ${next}` };
      aim = next;
      index += 1;
    } else if (["--hazards", "--kept", "--sound", "--verbose", "--no-shrink"].includes(arg)) {
      flags.add(arg);
      if (arg === "--hazards" && next !== undefined && !next.startsWith("-")) {
        only = next;
        index += 1;
      }
    } else {
      return { kind: "wrong", why: `unknown argument ${arg}` };
    }
  }
  const hazards = flags.has("--hazards");
  const kept = flags.has("--kept");
  const sound = flags.has("--sound");
  if (seeds === undefined && !hazards && !kept && !sound) return { kind: "help" };
  const isVerbose = flags.has("--verbose");
  const shrink = !flags.has("--no-shrink");
  return {
    kind: "ok",
    options: { seeds, hours, isVerbose, shrink, hazards, kept, sound, mutation, aim, only },
  };
}
