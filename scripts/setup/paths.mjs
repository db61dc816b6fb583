// Owns: where things are, independent of the folder from which a command was called.

import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const SETUP = dirname(fileURLToPath(import.meta.url));
export const ROOT = resolve(SETUP, "../..");
/** State of this clone: locks, logs, data of `npm start`. Ignored by git. */
export const STATE = join(ROOT, ".keyferry");
