// Owns: the shape of the report and filling in what is not a verdict.

import { cpus, loadavg } from "node:os";
import type { DoneFault } from "../faults/schedule.ts";
import type { Availability } from "../judge/availability.ts";
import type { Figures } from "../judge/latency.ts";
import type { Verdict } from "../judge/promises.ts";
import type { Tally } from "../load/source-changes.ts";

export interface ChaosReport {
  readonly seed: number;
  readonly minutes: number;
  readonly startedAt: string;
  readonly machine: Machine;
  readonly load: {
    readonly secrets: number;
    readonly bulkSecrets: number;
    readonly vaults: number;
    readonly changes: Tally["changes"];
    readonly refused: Tally["refused"];
  };
  readonly faults: {
    readonly done: number;
    readonly byKind: readonly { readonly kind: string; readonly times: number; readonly longestMs: number }[];
    readonly trouble: readonly string[];
    readonly all: readonly DoneFault[];
  };
  /** Ends of services that no fault of ours caused, by service. */
  readonly crashes: Readonly<Record<string, number>>;
  readonly convergedAfterMs: number | undefined;
  readonly verdicts: readonly Verdict[];
  readonly latency: Readonly<Record<"before" | "during" | "after", Figures>>;
  readonly availability: {
    readonly api: Availability;
    readonly source: Availability;
    readonly standstillMs: number;
  };
}

export interface Machine {
  readonly cpus: number;
  readonly cpu: string;
  readonly node: string;
  readonly loadAverage: number;
}

export function thisMachine(): Machine {
  const all = cpus();
  return {
    cpus: all.length,
    cpu: all[0]?.model ?? "unknown",
    node: process.version,
    loadAverage: loadavg()[0] ?? 0,
  };
}

export function summarise(done: readonly DoneFault[]): ChaosReport["faults"] {
  const byKind = [...Map.groupBy(done, ({ kind }) => kind)]
    .map(([kind, list]) => ({
      kind,
      times: list.length,
      longestMs: Math.max(...list.map(({ startedMs, endedMs }) => endedMs - startedMs)),
    }))
    .toSorted((a, b) => a.kind.localeCompare(b.kind));
  const trouble = done.flatMap(({ kind, victim, trouble: why }) =>
    why === undefined ? [] : [`${kind} of ${victim}: ${why}`],
  );
  return { done: done.length, byKind, trouble, all: done };
}
