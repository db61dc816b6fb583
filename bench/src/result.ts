// Owns: the result of a whole run, and what it says of the machine.

import { cpus, loadavg, totalmem } from "node:os";
import type { Figure } from "./figure.ts";

export interface PartResult {
  readonly name: string;
  readonly what: string;
  readonly command: string;
  readonly seconds: number;
  /** Of the last minute, when the part began. */
  readonly loadAverage: number;
  readonly figures: readonly Figure[];
  /** What the script itself printed, run by run; plots are drawn from it. */
  readonly printed: readonly unknown[];
  /** Why there are no figures. */
  readonly failure?: string;
}

export interface BenchResult {
  readonly startedAt: string;
  readonly machine: {
    readonly cpu: string;
    readonly cpus: number;
    readonly memoryGb: number;
    readonly platform: string;
    readonly node: string;
    readonly servers: Readonly<Record<string, string>>;
  };
  readonly parts: readonly PartResult[];
}

export function thisMachine(servers: Readonly<Record<string, string>>): BenchResult["machine"] {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? "unknown",
    cpus: all.length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    servers,
  };
}

export function loadAverage(): number {
  return Math.round((loadavg()[0] ?? 0) * 10) / 10;
}
