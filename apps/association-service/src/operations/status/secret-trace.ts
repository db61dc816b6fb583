// Owns: everything that is known of one secret, hop by hop: source, events, command, outcome, names in the vault, and the
// next step if something is not right. Pure but for the reading of its last event.

import { highestLiveVersion, type NameRecord, type SyncRecord, type VersionEvent } from "@keyferry/contracts";
import type { Entry } from "../../ports.ts";
import { type PairView, statusOfPair } from "../pairs.ts";
import type { PairTrace, SecretTrace } from "./status-schemas.ts";

export interface TraceFacts {
  readonly mount: string;
  readonly path: string;
  readonly event: Entry<VersionEvent> | undefined;
  readonly pairs: readonly PairView[];
}

/** What is known of a secret. */
export function traceSecret({ mount, path, event, pairs }: TraceFacts): SecretTrace {
  return {
    mount,
    secret_name: path,
    source: sourceOf(event),
    destinations: pairs.map(traceOfPair),
  };
}

function sourceOf(event: Entry<VersionEvent> | undefined): SecretTrace["source"] {
  if (event === undefined) {
    return {
      state: "unknown",
      current_version: null,
      live_version: null,
      versions: [],
      seen_at: null,
      seen_via: null,
      event_sequence: null,
    };
  }
  const { state, via, readStartedAt } = event.value;
  const seen = {
    seen_at: new Date(readStartedAt).toISOString(),
    seen_via: via,
    event_sequence: event.sequence,
  };
  if (state.kind === "gone") {
    return { state: "gone", current_version: null, live_version: null, versions: [], ...seen };
  }
  const versions = Object.entries(state.versions)
    .map(([number, version]) => ({
      version: Number(number),
      created_at: version.createdTime,
      state: stateOfVersion(version),
    }))
    .sort((a, b) => b.version - a.version);
  return {
    state: "present",
    current_version: state.current,
    live_version: highestLiveVersion(state) ?? null,
    versions,
    ...seen,
  };
}

function stateOfVersion({
  live,
  destroyed,
}: {
  live: boolean;
  destroyed: boolean;
}): "live" | "deleted" | "destroyed" {
  if (destroyed) return "destroyed";
  return live ? "live" : "deleted";
}

function traceOfPair(pair: PairView): PairTrace {
  const { destination, association, command, record } = pair;
  const { status, reason, since, nextStep } = statusOfPair(pair);
  const { spec, state, updatedAt } = association.value;
  return {
    destination: destination.name,
    association: { state, since: updatedAt, granularity: spec.granularity, template: spec.nameTemplate },
    command:
      command === undefined
        ? null
        : {
            op: command.value.op,
            reason: command.value.reason,
            lane: command.lane,
            at: new Date(command.time).toISOString(),
            sequence: command.sequence,
            expects_version: command.value.expect?.current ?? null,
            permit: command.value.permit?.by ?? null,
          },
    outcome: outcomeOf(record),
    external_names: Object.values(record?.names ?? {}).map(nameOf),
    sync_status: status,
    reason,
    since,
    next_step: nextStep,
  };
}

function outcomeOf(record: SyncRecord | undefined): PairTrace["outcome"] {
  if (record === undefined || record.outcome === null) return null;
  const { outcome, updatedAt, since, consumed } = record;
  const error = "error" in outcome ? `${outcome.error.code}: ${outcome.error.message}` : null;
  return { kind: outcome.kind, at: updatedAt, since, consumed_sequence: consumed.sequence, error };
}

function nameOf({ name, subKey, state, applied, intent }: NameRecord): PairTrace["external_names"][number] {
  return {
    name,
    ...(subKey === undefined ? {} : { sub_key: subKey }),
    state,
    source_version: applied?.version ?? null,
    key_vault_version: applied?.keyVaultVersion ?? null,
    written_at: applied?.at ?? null,
    open_write: intent === null ? null : intent.action,
  };
}
