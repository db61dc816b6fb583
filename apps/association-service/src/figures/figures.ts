// Owns: the gauges that say how the whole installation is, set anew on a timer from this process's views: associations
// by status, what is held, how long the oldest waits, dead letters. Every process shows the same; take the maximum.
// Vault's own names stand beside ours, so that dashboards made for Vault Enterprise go on to work.
import { type KeyferryError, toKeyferryError } from "@keyferry/errors";
import type { Clock, Logger } from "@keyferry/ports";
import type { GaugeMetric, Metrics } from "@keyferry/service";
import type { PairView } from "../operations/pairs.ts";
import type { AssociationStatus, SyncStatus } from "../status/status.ts";
import { type CountedAssociation, countAll } from "./count-all.ts";

// Prometheus asks every 15 s or more slowly; 100,000 associations are counted in well under a second.
const INTERVAL_MS = 15_000;
const LETTERS_MAX = 1_000; // as a figure "a thousand or more" is enough

const STATUSES: readonly SyncStatus[] = [
  "PENDING",
  "SYNCED",
  "UNSYNCED",
  "CLIENT_SIDE_ERROR",
  "EXTERNAL_SERVICE_ERROR",
  "INTERNAL_VAULT_ERROR",
];

export interface Figures {
  readonly byStatus: GaugeMetric<"status">;
  readonly held: GaugeMetric<never>;
  readonly oldestPending: GaugeMetric<never>;
  readonly deadLetters: GaugeMetric<never>;
  readonly vaultDestinations: GaugeMetric<"type">;
  readonly vaultAssociations: GaugeMetric<"type">;
}

export function createFigures(metrics: Metrics): Figures {
  return {
    byStatus: metrics.gauge({
      name: "keyferry_association_status",
      help: "Associations by status, those of rules included",
      labels: ["status"],
    }),
    held: metrics.gauge({
      name: "keyferry_association_held",
      help: "Deletes over the budget that wait for a person's approval",
    }),
    oldestPending: metrics.gauge({
      name: "keyferry_association_oldest_pending_seconds",
      help: "How long the oldest association waits that is neither held nor paused",
    }),
    deadLetters: metrics.gauge({
      name: "keyferry_dead_letters",
      help: "Messages in SYNC_DLQ, which a person has to look at; at most 1000 are counted",
    }),
    vaultDestinations: metrics.gauge({
      name: "vault_secrets_sync_destinations_count",
      help: "Destinations, under the name that Vault Enterprise has",
      labels: ["type"],
    }),
    vaultAssociations: metrics.gauge({
      name: "vault_secrets_sync_associations_count",
      help: "Associations, under the name that Vault Enterprise has",
      labels: ["type"],
    }),
  };
}

export interface FiguresParts {
  readonly figures: Figures;
  readonly pairs: { all(): Iterable<PairView> };
  readonly statusOf: (pair: PairView) => AssociationStatus;
  readonly destinationCount: () => number;
  readonly letters: { list(signal: AbortSignal): AsyncIterable<unknown> };
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Sets the figures until `signal` aborts; never rejects. What can't be read now keeps its last value. */
export async function keepFigures(parts: FiguresParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      setAssociations(parts);
      parts.figures.deadLetters.set({}, await countLetters(parts.letters, signal));
    } catch (thrown) {
      const { code }: KeyferryError = toKeyferryError(thrown);
      if (!signal.aborted) parts.logger.debug({ code }, "the figures were not read");
    }
    await parts.clock.sleep(INTERVAL_MS, signal).catch(() => undefined);
  }
}

function setAssociations({ figures, pairs, statusOf, destinationCount, clock }: FiguresParts): void {
  const { byStatus, held, oldestPendingS } = countAll(counted(pairs.all(), statusOf), clock.now());
  let sum = 0;
  for (const status of STATUSES) {
    const count = byStatus.get(status) ?? 0;
    figures.byStatus.set({ status }, count);
    sum += count;
  }
  figures.held.set({}, held);
  figures.oldestPending.set({}, oldestPendingS);
  figures.vaultDestinations.set({ type: "azure-kv" }, destinationCount());
  figures.vaultAssociations.set({ type: "azure-kv" }, sum);
}

function* counted(
  pairs: Iterable<PairView>,
  statusOf: (pair: PairView) => AssociationStatus,
): Generator<CountedAssociation> {
  for (const pair of pairs) {
    const status = statusOf(pair);
    yield { status, held: status.reason.startsWith("held") };
  }
}

async function countLetters(letters: FiguresParts["letters"], signal: AbortSignal): Promise<number> {
  let count = 0;
  for await (const _ of letters.list(signal)) {
    count += 1;
    if (count >= LETTERS_MAX) break;
  }
  return count;
}
