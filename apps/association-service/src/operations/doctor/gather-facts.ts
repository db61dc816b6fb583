// Owns: asking everything that a diagnosis needs. What does not answer is a fact, too; nothing is changed.

import { sourceReportKey } from "@keyferry/bus";
import type { DestinationRecord, DriftReport } from "@keyferry/contracts";
import { toKeyferryError } from "@keyferry/errors";
import { VERSION } from "@keyferry/service";
import type { SourcePort } from "../../ports.ts";
import { statusOfPair } from "../pairs.ts";
import type { OperationsParts } from "../parts.ts";
import type { StreamExtent } from "../ports.ts";
import type { DestinationFacts, Facts, MountFacts } from "./diagnose.ts";

const PRESENCE_WAIT_MS = 600;
// Each is a call to the source.
const MOUNTS_MAX = 100;
const LETTERS_MAX = 1_000;
// Each is a sink's look at a vault; all at once, within the patience of a request.
const CONNECTIONS_MAX = 50;
const CONNECTION_WAIT_MS = 9_000;

export interface DoctorSource {
  health(signal?: AbortSignal): Promise<{
    readonly sealed: boolean;
    readonly version?: string;
    /** The answer's own clock, ms since 1970. */
    readonly observedAt?: number;
  }>;
  mountOf: SourcePort["mountOf"];
}

/** The facts of a namespace. @throws KeyferryError if NATS itself does not answer */
export async function gatherFacts(
  parts: OperationsParts,
  source: DoctorSource,
  { namespace, probe }: { readonly namespace: string; readonly probe: boolean },
  signal: AbortSignal,
): Promise<Facts> {
  const { bus, pairs, clock } = parts;
  const { connected, why } = bus.status();
  if (!connected) return factsWithoutNats(parts, source, namespace, why ?? "not connected", signal);
  await pairs.caughtUp(signal);
  const [services, events, commands, results, report, health, mounts, pauses, letters, destinations] =
    await Promise.all([
      bus.presence.ask(PRESENCE_WAIT_MS),
      extentOr(bus.events.extent()),
      extentOr(bus.commands.extent()),
      extentOr(bus.results.extent()),
      bus.sourceReports.get(sourceReportKey(parts.source)),
      healthOf(source, clock, signal),
      mountFacts(parts, source, namespace, signal),
      bus.pauses.get("pause.all"),
      countLetters(parts, signal),
      destinationFacts(parts, namespace, probe),
    ]);
  return {
    now: clock.now(),
    version: VERSION,
    services,
    server: bus.server(),
    streams: { KV2_EVENTS: events, SYNC_DESIRED: commands, SYNC_RESULTS: results },
    source: health,
    sourceReport: report?.value,
    mounts,
    destinations: destinations.map((one) => ({
      ...one,
      paused: pauses?.value.destinations[one.uid] !== undefined,
    })),
    letters,
    pausedAll: (pauses?.value.all ?? null) !== null,
  };
}

// The source still answers, and the views still hold what was known.
async function factsWithoutNats(
  parts: OperationsParts,
  source: DoctorSource,
  namespace: string,
  natsAway: string,
  signal: AbortSignal,
): Promise<Facts> {
  const [health, mounts] = await Promise.all([
    healthOf(source, parts.clock, signal),
    mountFacts(parts, source, namespace, signal),
  ]);
  return {
    natsAway,
    now: parts.clock.now(),
    version: VERSION,
    services: [],
    server: undefined,
    streams: {},
    source: health,
    sourceReport: undefined,
    mounts,
    destinations: parts.destinations
      .inNamespace(namespace)
      .map(({ entry }) => rowOf(parts, namespace, entry.value, undefined)),
    letters: 0,
    pausedAll: false,
  };
}

async function extentOr(asking: Promise<StreamExtent>): Promise<StreamExtent | "missing"> {
  try {
    return await asking;
  } catch (error) {
    if (toKeyferryError(error).code === "bus-not-provisioned") return "missing";
    throw error;
  }
}

async function healthOf(
  source: DoctorSource,
  clock: OperationsParts["clock"],
  signal: AbortSignal,
): Promise<Facts["source"]> {
  const { sealed, version, observedAt } = await source.health(signal);
  // HTTP's Date has whole seconds.
  const offMs = observedAt === undefined ? undefined : observedAt - clock.now();
  return { sealed, version, clockOffMs: offMs };
}

async function mountFacts(
  { pairs }: OperationsParts,
  source: DoctorSource,
  namespace: string,
  signal: AbortSignal,
): Promise<readonly MountFacts[]> {
  const accessors = new Map<string, string>();
  for (const { association } of pairs.inNamespace(namespace)) {
    const { mount, accessor } = association.value.secret;
    accessors.set(mount, accessor);
  }
  const facts: MountFacts[] = [];
  for (const [mount, accessor] of [...accessors].slice(0, MOUNTS_MAX)) {
    facts.push({ mount, state: await mountState(source, { namespace, mount, accessor }, signal) });
  }
  return facts;
}

async function mountState(
  source: DoctorSource,
  { namespace, mount, accessor }: { namespace: string; mount: string; accessor: string },
  signal: AbortSignal,
): Promise<MountFacts["state"]> {
  try {
    const found = await source.mountOf({ namespace, path: mount }, signal);
    if (found.kind === "missing" || found.mount.path !== mount) return "missing";
    if (found.mount.kvVersion !== 2) return "not-kv2";
    return found.mount.accessor === accessor ? "ok" : "other-accessor";
  } catch (error) {
    if (toKeyferryError(error).code === "source-denied") return "denied";
    throw error;
  }
}

async function countLetters({ bus }: OperationsParts, signal: AbortSignal): Promise<number> {
  let count = 0;
  for await (const _ of bus.deadLetters.list(signal)) {
    count += 1;
    if (count >= LETTERS_MAX) break;
  }
  return count;
}

type DestinationRow = DestinationFacts & { readonly uid: string };

async function destinationFacts(
  parts: OperationsParts,
  namespace: string,
  probe: boolean,
): Promise<readonly DestinationRow[]> {
  const { bus, destinations } = parts;
  const rows: DestinationRow[] = [];
  const connections = await connectionFacts(parts, namespace, probe);
  for (const { entry } of destinations.inNamespace(namespace)) {
    const { uid } = entry.value;
    const report = (await bus.driftReports.get(`drift-report.${uid}`))?.value;
    rows.push({ ...rowOf(parts, namespace, entry.value, report), ...connections.get(uid) });
  }
  return rows;
}

function rowOf(
  { pairs, clock }: OperationsParts,
  namespace: string,
  { uid, name, connection }: DestinationRecord,
  report: DriftReport | undefined,
): DestinationRow {
  const errors: Record<string, number> = {};
  let held = 0;
  let associations = 0;
  let oldest: number | undefined;
  for (const pair of pairs.inNamespace(namespace, { destination: uid })) {
    associations += 1;
    const { status, since } = statusOfPair(pair);
    const outcome = pair.record?.outcome;
    if (outcome?.kind === "held" && status === "PENDING") held += 1;
    else if (outcome !== undefined && outcome !== null && "error" in outcome) {
      errors[outcome.error.code] = (errors[outcome.error.code] ?? 0) + 1;
    } else if (status === "PENDING") {
      oldest = Math.max(oldest ?? 0, clock.now() - Date.parse(since));
    }
  }
  return {
    uid,
    name,
    host: hostOf(connection.keyVaultUri),
    associations,
    held,
    errors,
    oldestPendingMs: oldest,
    paused: false,
    drift: openFindings(report),
    driftFailure: report?.failure ?? null,
  };
}

function hostOf(uri: string): string {
  return URL.canParse(uri) ? new URL(uri).hostname : uri;
}

// A sink looks: from where it writes, and as who it writes. Where no sink runs there is a finding for that.
async function connectionFacts(
  { bus, destinations }: OperationsParts,
  namespace: string,
  probe: boolean,
): Promise<ReadonlyMap<string, Pick<DestinationFacts, "connection">>> {
  const asked = destinations.inNamespace(namespace).slice(0, CONNECTIONS_MAX);
  const answers = await Promise.all(
    asked.map(async ({ entry }): Promise<[string, Pick<DestinationFacts, "connection">]> => {
      const { uid, name, connection } = entry.value;
      const findings = await bus.connectionChecks.ask({
        major: 1,
        destination: name,
        connection,
        write: probe,
        waitMs: CONNECTION_WAIT_MS,
      });
      const { clientId, credential } = connection;
      const checks = findings ?? "unanswered";
      return [uid, { connection: { clientId, credential: credential.kind, checks } }];
    }),
  );
  return new Map(answers);
}

// What was repaired is no finding any more.
function openFindings(report: { findings: readonly { kind: string; action: string }[] } | undefined) {
  const counts: Record<string, number> = {};
  for (const { kind, action } of report?.findings ?? []) {
    if (action === "reported") counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}
