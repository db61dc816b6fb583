// Owns: what of the record of pauses counts for one association. Pure.

import type { PausesRecord, Uid } from "@keyferry/contracts";

/** Why nothing is written for now, and since when. */
export interface Pause {
  readonly since: string;
  readonly reason: string;
}

export const NO_PAUSES: PausesRecord = { major: 1, all: null, destinations: {}, associations: {} };

/** The widest pause that covers an association (`key`: `<destination uid>.<k>`), as resuming a narrower one changes nothing. */
export function pauseOf(record: PausesRecord | undefined, destination: Uid, key: string): Pause | undefined {
  return record?.all ?? record?.destinations[destination] ?? record?.associations[key];
}
