// Owns: when the epoch goes up, and to what. Pure.
// Invariant EPO-1: a new epoch is above every epoch that any outcome carries, also when our own record of it is lost (O3).

import type { EpochRecord, SyncRecord } from "@keyferry/contracts";

export type StreamInfo = Readonly<
  Record<string, { readonly created: string; readonly lastSequence: number }>
>;

export type EpochDecision =
  | { readonly kind: "first"; readonly record: EpochRecord }
  | { readonly kind: "raised"; readonly record: EpochRecord; readonly why: string }
  /** The same epoch; `record` holds the streams' progress, to notice a tail that is lost later. */
  | { readonly kind: "same"; readonly record: EpochRecord };

/** That a stream lost its tail was seen elsewhere than in its length; good for that epoch only. */
export interface ProofOfLoss {
  readonly epoch: number;
  readonly why: string;
}

/**
 * Compares the streams as they are with what was last known of them.
 * @param epochSeen the highest epoch in any outcome; 0 without one
 * @param now milliseconds since 1970
 * @param proof raises the epoch although the streams look as they should
 */
export function decideEpoch(
  known: EpochRecord | undefined,
  streams: StreamInfo,
  epochSeen: number,
  now: number,
  proof?: ProofOfLoss,
): EpochDecision {
  if (known === undefined) {
    return { kind: "first", record: { major: 1, epoch: Math.max(epochSeen + 1, now), streams } };
  }
  const why =
    whyRaised(known, streams) ??
    (epochSeen > known.epoch ? "outcomes know a later epoch" : undefined) ??
    // Of an epoch that is over: whoever else saw it has raised it.
    (proof?.epoch === known.epoch ? proof.why : undefined);
  if (why === undefined) return { kind: "same", record: { major: 1, epoch: known.epoch, streams } };
  const epoch = Math.max(known.epoch + 1, epochSeen + 1, now);
  return { kind: "raised", why, record: { major: 1, epoch, streams } };
}

/** Of what is stored and what this process saw: per stream the later of the two, and the higher epoch. */
export function latestOf(
  stored: EpochRecord | undefined,
  seen: EpochRecord | undefined,
): EpochRecord | undefined {
  if (stored === undefined || seen === undefined) return stored ?? seen;
  // Raised since we looked, with the streams as they were then: what we saw before is what that epoch made an end of.
  if (stored.epoch > seen.epoch) return stored;
  const streams = { ...stored.streams };
  for (const [name, stream] of Object.entries(seen.streams)) {
    const other = streams[name];
    // Made anew since: whoever noticed that first has raised the epoch for it.
    if (other !== undefined && other.created !== stream.created) continue;
    if (other === undefined || other.lastSequence < stream.lastSequence) streams[name] = stream;
  }
  return { major: 1, epoch: seen.epoch, streams };
}

/** The highest epoch that a record carries. */
export function epochOf(record: SyncRecord): number {
  let highest = record.consumed.epoch;
  for (const name of Object.values(record.names)) {
    highest = Math.max(highest, name.applied?.fence.epoch ?? 0, name.intent?.fence.epoch ?? 0);
  }
  return highest;
}

function whyRaised(known: EpochRecord, streams: StreamInfo): string | undefined {
  for (const [name, before] of Object.entries(known.streams)) {
    const current = streams[name];
    if (current === undefined) return `${name} is missing`;
    if (current.created !== before.created) return `${name} was made anew`;
    if (current.lastSequence < before.lastSequence) return `${name} lost its tail`;
  }
  return undefined;
}
