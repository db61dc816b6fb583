// Owns: the Lua scripts as a table of names. Their texts lie in lua/, each with a head that says what it takes and gives.
import { readFileSync } from "node:fs";

/** How many keys a script takes; `undefined`: it says so at each call. */
export const SCRIPTS = {
  "lock-extend": 1,
  "lock-release": 1,
  "record-remember": 1,
  "later-claim": 1,
  "later-unpark": 1,
  "attempts-count": 1,
  "pace-take": undefined,
  "pace-give-back": undefined,
  "pace-charge": undefined,
  "pace-throttled": undefined,
  "pace-probed": 1,
} as const;

export type ScriptName = keyof typeof SCRIPTS;

export const SCRIPT_NAMES = Object.keys(SCRIPTS) as ScriptName[];

/** The text of a script, read at start. A bundle has to carry the folder `lua` beside it. */
export function readScript(name: ScriptName): string {
  return readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), "utf8");
}
