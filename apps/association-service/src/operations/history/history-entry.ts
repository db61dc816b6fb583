// Owns: from a message of the past to a line of history. Pure. Custom metadata and values have no place in it.

import type { Change, SyncRecord, VersionEvent } from "@keyferry/contracts";
import type { Past } from "../ports.ts";
import type { HistoryEntry } from "./history-schemas.ts";

/** A change that was seen at the source. */
export function entryOfEvent({ value, sequence, time, traceId }: Past<VersionEvent>): HistoryEntry {
  const { secret, state, changes, via } = value;
  return {
    at: new Date(time).toISOString(),
    kind: "source",
    secret: `${secret.mount}/${secret.path}`,
    destination: null,
    what: changes.map(labelOf).join(", "),
    version: state.kind === "gone" ? null : state.current,
    via,
    wrote: null,
    latency_ms: null,
    error: null,
    trace_id: traceId ?? null,
    sequence,
  };
}

/**
 * How a command ended; undefined for an intent.
 * @param createdAt when the outcome's version was made at the source, ms since 1970, if known
 */
export function entryOfRecord(
  { value, sequence, time, traceId }: Past<SyncRecord>,
  destination: string,
  createdAt: (version: number) => number | undefined,
): HistoryEntry | undefined {
  const { kind, outcome, secret } = value;
  if (kind === "intent" || outcome === null) return undefined;
  const version = outcome.kind === "synced" ? outcome.version : null;
  const wrote = "wrote" in outcome ? outcome.wrote : null;
  const created = version === null || wrote !== true ? undefined : createdAt(version);
  return {
    at: new Date(time).toISOString(),
    kind: "outcome",
    secret: `${secret.mount}/${secret.path}`,
    destination,
    what: outcome.kind,
    version,
    via: null,
    wrote,
    latency_ms: created === undefined ? null : Math.max(0, Math.round(time - created)),
    error: "error" in outcome ? `${outcome.error.code}: ${outcome.error.message}` : null,
    trace_id: traceId ?? null,
    sequence,
  };
}

/** When a version was made at the source, by an event that has it. */
export function createdAtOf(event: VersionEvent | undefined, version: number): number | undefined {
  if (event === undefined || event.state.kind === "gone") return undefined;
  const created = event.state.versions[String(version)]?.createdTime;
  const ms = created === undefined ? Number.NaN : Date.parse(created);
  return Number.isNaN(ms) ? undefined : ms;
}

function labelOf(change: Change): string {
  switch (change.kind) {
    case "version-created":
    case "version-deleted":
    case "version-undeleted":
    case "version-destroyed":
    case "version-pruned":
      return `${change.kind} ${change.version}`;
    case "regressed":
      return `regressed ${change.from} to ${change.to}`;
    case "moved":
      return `moved from ${change.from} to ${change.to}`;
    default:
      return change.kind;
  }
}
