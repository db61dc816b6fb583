// Owns: whether an association of this instance is still there, asked for name conflicts only. One that a rule makes lies in
// no bucket: that its record holds a name says that it is there, or that it is being unsynced.

import type { View } from "@keyferry/bus";
import type { AssociationRecord, SyncRecord, Uid } from "@keyferry/contracts";
import type { Clock } from "@keyferry/ports";
import type { AssociationDirectory } from "../ports.ts";

export interface AssociationDirectoryParts {
  readonly associations: View<AssociationRecord>;
  readonly results: {
    loadLast(destination: "*", signal: AbortSignal): AsyncIterable<{ readonly value: SyncRecord }>;
  };
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

// A conflict is asked about again with each attempt; to read every record each time would cost more than it tells. Only
// that one is there is remembered: that it is not leads to its name being taken over.
const KNOWN_MS = 30_000;
const KNOWN_MAX = 1_000;

/** Answers from the view of the associations' bucket, after it has caught up, and from the records. */
export function createAssociationDirectory(parts: AssociationDirectoryParts): AssociationDirectory {
  const { associations, results, clock, signal } = parts;
  const knownUntil = new Map<Uid, number>();
  const holdsName = async (association: Uid): Promise<boolean> => {
    for await (const { value } of results.loadLast("*", signal)) {
      if (value.association === association && holdsAny(value)) return true;
    }
    return false;
  };
  return {
    async isKnown(association) {
      await associations.caughtUp();
      for (const [, { value }] of associations.entries()) if (value.uid === association) return true;
      if ((knownUntil.get(association) ?? 0) > clock.now()) return true;
      knownUntil.delete(association);
      if (!(await holdsName(association))) return false;
      if (knownUntil.size >= KNOWN_MAX) knownUntil.clear();
      knownUntil.set(association, clock.now() + KNOWN_MS);
      return true;
    },
  };
}

function holdsAny({ names }: SyncRecord): boolean {
  return Object.values(names).some(
    ({ state, intent }) => state === "live" || state === "recovering" || intent !== null,
  );
}
