// Owns: the command line of the fault run.

import { parseArgs } from "node:util";

export const USAGE = `npm run chaos -- [--minutes M] [--seed S] [--report FILE] [--rate N] [--secrets N] [--keep DIR]

Runs the whole of Keyferry as processes (2 change-detectors, 2 association-services, 3 azure-sinks) on three clustered
NATS nodes, Redis with a replica and three Sentinels, OpenBao on raft storage and the Key Vault emulator under Azure's
limits, writes, deletes and associates secrets, and does to them what production does: kills, pauses, partitions,
fail-overs, seals, answers that get lost. Then it heals everything, waits, and checks each promise.

  --minutes M    length of load and faults, 1 to 600 (default 20); start, convergence and judging come on top
  --seed S       which faults and which changes, in which order (default 1)
  --report FILE  where the report goes: FILE.md and FILE.json (default: the report is printed, not kept)
  --rate N       changes a second (default 4)
  --secrets N    secrets under load (default 60)
  --keep DIR     leave data and logs of all processes there, to look at

Exit code: 0 no breach, 1 a breach, 2 wrong arguments or a run that could not be done.
`;

export interface ChaosOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly ratePerS: number;
  readonly secrets: number;
  readonly report: string | undefined;
  readonly keep: string | undefined;
}

export type ParsedArguments =
  | { readonly kind: "run"; readonly options: ChaosOptions }
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly why: string };

/** Reads the command line; never throws. */
export function readArguments(args: readonly string[]): ParsedArguments {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        minutes: { type: "string", default: "20" },
        seed: { type: "string", default: "1" },
        rate: { type: "string", default: "4" },
        secrets: { type: "string", default: "60" },
        report: { type: "string" },
        keep: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return { kind: "help" };
    const options = {
      minutes: number("minutes", values.minutes, 0.25, 600),
      seed: number("seed", values.seed, 0, 2 ** 32 - 1),
      ratePerS: number("rate", values.rate, 0.1, 100),
      secrets: number("secrets", values.secrets, 4, 5_000),
      report: values.report?.replace(/\.(?:md|json)$/u, ""),
      keep: values.keep,
    };
    return { kind: "run", options };
  } catch (error) {
    return { kind: "wrong", why: error instanceof Error ? error.message : String(error) };
  }
}

function number(name: string, text: string, low: number, high: number): number {
  const value = Number(text);
  if (text === "" || !(value >= low && value <= high))
    throw new RangeError(`--${name} is a number from ${low} to ${high}`);
  return value;
}
