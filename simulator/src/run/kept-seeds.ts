// Owns: the runs that once failed (seeds.json): each is run again by every `npm test`.
import { readFileSync } from "node:fs";
import { generateScript } from "../script/generate.ts";
import type { Script } from "../script/steps.ts";

export interface KeptSeed {
  readonly seed: number;
  readonly hours: number;
  readonly aim?: string;
  /** What it found. */
  readonly found: string;
  /** Given where the script was cut down; else it is the seed's own. */
  readonly script?: Script;
}

/** All of them, oldest first. */
export function readKeptSeeds(): readonly KeptSeed[] {
  return JSON.parse(
    readFileSync(new URL("../../seeds.json", import.meta.url), "utf8"),
  ) as readonly KeptSeed[];
}

export function scriptOf({ seed, hours, aim, script }: KeptSeed): Script {
  return script ?? generateScript(seed, hours, aim);
}
