// Owns: what an observation of a secret changed against what was last published of it. Pure.
// Does not own: whether the observation counts at all (accessor, cluster, age: observe/).
// Invariants: one event holds the whole state, so that folding the log gives the last state; a regression is never an
// event before it was confirmed by a second read; two observations of one fingerprint never make two events.
import { type Change, fingerprintOf, type PresentState, type SecretState } from "@keyferry/contracts";

/** What was last published of a secret, and when the read behind it began. */
export interface KnownState {
  readonly state: SecretState;
  readonly readStartedAt: number;
}

export type ConfirmReason = "regressed" | "re-created" | "gone";

export type Verdict =
  | { readonly kind: "unchanged" }
  | {
      readonly kind: "event";
      readonly changes: readonly Change[];
      readonly state: SecretState;
      readonly fingerprint: string;
    }
  /** Only a second read may say so: a standby that is behind looks the same (hazard regression-by-stale-read). */
  | { readonly kind: "confirm"; readonly why: ConfirmReason };

/**
 * Judges what a read saw. `confirmed`: an earlier read, far enough back, already said the same kind of thing.
 * Liveness is in `seen`, by the clock of the answer (O22), so no clock is needed here.
 */
export function diff(known: KnownState | undefined, seen: SecretState, confirmed: boolean): Verdict {
  const fingerprint = fingerprintOf(seen);
  // Recomputed rather than compared with the published one: that may be of an older form (hazard list-and-get-differ).
  if (known !== undefined && fingerprintOf(known.state) === fingerprint) return { kind: "unchanged" };
  const why = confirmed ? undefined : regressionOf(known, seen);
  if (why !== undefined) return { kind: "confirm", why };
  return { kind: "event", changes: changesOf(known?.state, seen), state: seen, fingerprint };
}

function regressionOf(known: KnownState | undefined, seen: SecretState): ConfirmReason | undefined {
  if (seen.kind === "gone") return "gone";
  if (known === undefined) return undefined;
  if (known.state.kind === "gone") {
    // Created before it was seen to be gone: a node that hasn't heard of the delete, or a restored snapshot. Clocks
    // may differ, but all that a wrong guess costs is a second read.
    return Date.parse(seen.incarnation) <= known.readStartedAt ? "re-created" : undefined;
  }
  // By inequality: created_time is a clock's reading and clocks differ between nodes (reference 4.7).
  if (known.state.incarnation !== seen.incarnation) return "re-created";
  return wentBack(known.state, seen) ? "regressed" : undefined;
}

/** Whether `seen` can't follow `known` by any operation of KVv2: a stale read, or a restored snapshot. */
function wentBack(known: PresentState, seen: PresentState): boolean {
  if (seen.current < known.current || seen.oldest < known.oldest) return true;
  return Object.entries(known.versions).some(([number, version]) => {
    const now = seen.versions[number];
    if (now === undefined) return false; // pruned
    return now.createdTime !== version.createdTime || (version.destroyed && !now.destroyed);
  });
}

function changesOf(known: SecretState | undefined, seen: SecretState): Change[] {
  if (known === undefined) return [{ kind: "first-seen" }];
  if (seen.kind === "gone") return [{ kind: "secret-deleted" }];
  if (known.kind === "gone") return [{ kind: "secret-created" }, ...newVersions(undefined, seen)];
  if (known.incarnation !== seen.incarnation) {
    return [{ kind: "secret-deleted" }, { kind: "secret-created" }, ...newVersions(undefined, seen)];
  }
  const changes: Change[] = [];
  if (wentBack(known, seen)) changes.push({ kind: "regressed", from: known.current, to: seen.current });
  changes.push(...newVersions(known, seen), ...versionChanges(known, seen));
  if (settingsDiffer(known, seen) || changes.length === 0) changes.push({ kind: "metadata-updated" });
  return changes;
}

/** Versions that were not known; several after an outage, and some may be dead already. */
function newVersions(known: PresentState | undefined, seen: PresentState): Change[] {
  const changes: Change[] = [];
  for (const [number, state] of Object.entries(seen.versions)) {
    if (known?.versions[number] !== undefined) continue;
    const version = Number(number);
    changes.push({ kind: "version-created", version });
    if (state.destroyed) changes.push({ kind: "version-destroyed", version });
    else if (!state.live) changes.push({ kind: "version-deleted", version, expired: false });
  }
  return changes;
}

function versionChanges(known: PresentState, seen: PresentState): Change[] {
  const changes: Change[] = [];
  for (const [number, before] of Object.entries(known.versions)) {
    const version = Number(number);
    const now = seen.versions[number];
    if (now === undefined) changes.push({ kind: "version-pruned", version });
    else if (now.destroyed !== before.destroyed) {
      changes.push(
        now.destroyed ? { kind: "version-destroyed", version } : { kind: "version-undeleted", version },
      );
    } else if (before.live && !now.live) {
      // The time was set before and has come: nobody deleted it now.
      const expired = now.deletionTime !== "" && now.deletionTime === before.deletionTime;
      changes.push({ kind: "version-deleted", version, expired });
    } else if (!before.live && now.live) changes.push({ kind: "version-undeleted", version });
  }
  return changes;
}

function settingsDiffer(known: PresentState, seen: PresentState): boolean {
  const settingsOf = (state: PresentState): string =>
    JSON.stringify([
      state.maxVersions,
      state.casRequired,
      state.deleteVersionAfter,
      Object.entries(state.customMetadata).sort(([a], [b]) => (a < b ? -1 : 1)),
    ]);
  return settingsOf(known) !== settingsOf(seen);
}
