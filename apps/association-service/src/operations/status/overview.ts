// Owns: one picture of the whole installation: who is there, what each destination waits for. Reads views and asks the
// services; changes nothing.

import type {
  DestinationRecord,
  DriftReport,
  PausesRecord,
  Presence,
  SinkFacts,
  SyncRecord,
} from "@keyferry/contracts";
import type { Clock } from "@keyferry/ports";
import type { DestinationIndex } from "../../destinations/destination-index.ts";
import { type PairFilter, type Pairs, secretNameOf, statusOfPair } from "../pairs.ts";
import type { OperationsBus } from "../ports.ts";
import { type CountedPair, countPairs } from "./count-destinations.ts";
import type { DestinationStatus, Overview } from "./status-schemas.ts";

// Longer than a busy process needs to answer over one NATS hop, short enough for a person at a terminal.
const PRESENCE_WAIT_MS = 400;
const KINDS = ["change-detector", "association-service", "azure-sink"] as const;

export interface OverviewOptions {
  readonly bus: Pick<OperationsBus, "presence" | "events" | "pauses" | "driftReports" | "status">;
  readonly pairs: Pairs;
  readonly destinations: DestinationIndex;
  readonly source: { readonly name: string; readonly state: () => string };
  readonly clock: Clock;
}

/** The picture; of one destination if `destination` is given. @throws KeyferryError `bus-*` */
export async function readOverview(
  options: OverviewOptions,
  namespace: string,
  destination: DestinationRecord | undefined,
  signal: AbortSignal,
): Promise<Overview> {
  const { bus, pairs, destinations, source, clock } = options;
  const { connected, why } = bus.status();
  const news = connected ? await ask(options, signal) : undefined;
  const { services, pauses } = news ?? { services: [], pauses: undefined };
  const wanted =
    destination === undefined
      ? destinations.inNamespace(namespace).map(({ entry }) => entry.value)
      : [destination];
  const counted = groupPairs(pairs, namespace, { destination: destination?.uid });
  const reports = connected
    ? await Promise.all(wanted.map(({ uid }) => bus.driftReports.get(`drift-report.${uid}`)))
    : [];
  const now = clock.now();
  return {
    at: iso(now),
    services: services.map((presence) => serviceOf(presence, now)),
    missing: connected ? KINDS.filter((kind) => !services.some(({ service }) => service === kind)) : [],
    source: { name: source.name, state: source.state() },
    nats: { state: connected ? "connected" : (why ?? "not connected") },
    events: { last_at: isoOrNull(news?.extent.lastTime), messages: news?.extent.messages ?? 0 },
    paused: pauseText(pauses?.all),
    destinations: wanted.map((record, index) =>
      destinationStatus(record, counted.get(record.uid) ?? [], {
        services,
        pauses,
        report: reports[index]?.value,
      }),
    ),
  };
}

/** What only the others know. */
async function ask({ bus, pairs }: OverviewOptions, signal: AbortSignal) {
  const [services, extent, pauses] = await Promise.all([
    bus.presence.ask(PRESENCE_WAIT_MS),
    bus.events.extent(),
    bus.pauses.get("pause.all"),
    pairs.caughtUp(signal),
  ]);
  return { services, extent, pauses: pauses?.value };
}

function groupPairs(pairs: Pairs, namespace: string, filter: PairFilter): Map<string, CountedPair[]> {
  const groups = new Map<string, CountedPair[]>();
  for (const pair of pairs.inNamespace(namespace, filter)) {
    const { record } = pair;
    const one: CountedPair = {
      secret: secretNameOf(pair),
      status: statusOfPair(pair),
      held: record?.outcome?.kind === "held" && statusOfPair(pair).reason.startsWith("held"),
      error: errorOf(record),
      outcomeAt: record?.updatedAt,
    };
    const group = groups.get(pair.destination.uid);
    if (group === undefined) groups.set(pair.destination.uid, [one]);
    else group.push(one);
  }
  return groups;
}

function errorOf(record: SyncRecord | undefined): string | undefined {
  const outcome = record?.outcome;
  return outcome !== undefined && outcome !== null && "error" in outcome ? outcome.error.code : undefined;
}

interface DestinationFacts {
  readonly services: readonly Presence[];
  readonly pauses: PausesRecord | undefined;
  readonly report: DriftReport | undefined;
}

function destinationStatus(
  { uid, name, type, state, connection }: DestinationRecord,
  pairs: readonly CountedPair[],
  { services, pauses, report }: DestinationFacts,
): DestinationStatus {
  return {
    name,
    type,
    state: state === "active" ? "active" : "deleting",
    ...countPairs(pairs),
    breakers: services.flatMap(({ id, sink }) => breakersOf(uid, id, sink)),
    pacing: pacingOf(hostOf(connection.keyVaultUri), services),
    paused: pauseText(pauses?.destinations[uid] ?? pauses?.all),
    last_drift_check:
      report === undefined
        ? null
        : {
            finished_at: report.finishedAt,
            mode: report.mode,
            findings: Object.values(report.counts).reduce((sum, count) => sum + count, 0),
            failure: report.failure,
          },
  };
}

function breakersOf(
  uid: string,
  service: string,
  sink: SinkFacts | undefined,
): DestinationStatus["breakers"] {
  return (sink?.breakers ?? [])
    .filter(({ destination }) => destination === uid)
    .map(({ op, state, until, why }) => ({ op, state, until: isoOrNull(until), why, service }));
}

function pacingOf(host: string, services: readonly Presence[]): DestinationStatus["pacing"] {
  const lines = services.flatMap(({ sink }) => sink?.pacing ?? []).filter(({ vault }) => vault === host);
  const waiting = (lane: "live" | "bulk"): number =>
    lines.filter((line) => line.lane === lane).reduce((sum, { count }) => sum + count, 0);
  return {
    waiting_live: waiting("live"),
    waiting_bulk: waiting("bulk"),
    throttled: lines.some(({ why }) => why === "paused"),
  };
}

// As a sink names the vault.
function hostOf(uri: string): string {
  return URL.canParse(uri) ? new URL(uri).hostname : uri;
}

function serviceOf(presence: Presence, now: number): Overview["services"][number] {
  const { service, id, version, startedAt, waitingFor, detector } = presence;
  const idle = detector?.duty === "standing-by" ? "standing by" : "ready";
  return {
    service,
    id,
    version,
    started_at: iso(startedAt),
    state: waitingFor.length === 0 ? idle : waitingFor.join("; "),
    clock_off_ms: Math.round(presence.now - now),
    ...(detector === undefined
      ? {}
      : {
          hint_channels: detector.channels.map(({ name, state, lastHintAt }) => ({
            name,
            state,
            last_hint_at: isoOrNull(lastHintAt),
          })),
          last_sweep:
            detector.lastSweep === null
              ? null
              : {
                  ended_at: iso(detector.lastSweep.endedAt),
                  took_ms: Math.round(detector.lastSweep.tookMs),
                  mounts: detector.lastSweep.mounts,
                  failed: detector.lastSweep.failed,
                },
          secrets_known: detector.secretsKnown,
          held_mounts: detector.held.map(({ mount, why, at }) => ({ mount, why, since: iso(at) })),
        }),
  };
}

function pauseText(
  pause: { readonly since: string; readonly reason: string } | null | undefined,
): string | null {
  if (pause === undefined || pause === null) return null;
  return pause.reason === "" ? `since ${pause.since}` : `since ${pause.since}: ${pause.reason}`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function isoOrNull(ms: number | null | undefined): string | null {
  return ms === undefined || ms === null ? null : iso(ms);
}
