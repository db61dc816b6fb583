// Owns: what this service tells of itself: one function per event, a log line with every field and a metric with few
// label values. Paths are logged where a person needs them to act; values and tokens never (P5).

import type { SyncCommand } from "@keyferry/contracts";
import type { Logger } from "@keyferry/ports";
import {
  type CounterMetric,
  type GaugeMetric,
  type HistogramMetric,
  LATENCY_BUCKETS_S,
  type Metrics,
} from "@keyferry/service";
import type { PauseScope } from "./pauses/pause-store.ts";

const METRICS = {
  commands: "keyferry_association_commands_total",
  resolutions: "keyferry_association_resolutions_total",
  eventToCommand: "keyferry_association_event_to_command_seconds",
  casLost: "keyferry_association_cas_lost_total",
  asked: "keyferry_association_looks_asked_total",
  permits: "keyferry_association_permits_total",
  settleRounds: "keyferry_association_settle_rounds_total",
  associations: "keyferry_association_associations",
  epoch: "keyferry_association_epoch",
  requests: "keyferry_association_api_requests_total",
  gatewayHints: "keyferry_association_gateway_hints_total",
} as const;

/** What became of one look at a (destination, secret). */
export type ResolutionKind = "published" | "unchanged" | "asked" | "none" | "behind" | "conflict";

export interface ServiceEvents {
  commandPublished(command: SyncCommand, facts: { sequence: number; lane: string; why: string }): void;
  resolved(kind: ResolutionKind): void;
  /** Every command that an event asks for is published, `ageMs` after the event was. */
  eventResolved(ageMs: number): void;
  casLost(
    what: "command" | "association" | "destination" | "budget" | "epoch" | "pauses" | "rule" | "approval",
  ): void;
  lookAsked(facts: { mount: string; why: string }): void;
  permitDecided(decision: "granted" | "reused" | "refused", facts: Record<string, unknown>): void;
  settleProgress(facts: { done: number; total: number; published: number; asked: number }): void;
  settleEnded(facts: SettleTotals): void;
  settleFailed(code: string): void;
  epochChanged(facts: { epoch: number; why: string }): void;
  associationsCounted(count: number): void;
  tombstonePurged(facts: { destination: string; association: string }): void;
  destinationChanged(
    what: "created" | "updated" | "purging" | "retired" | "gone",
    facts: DestinationFacts,
  ): void;
  /** An external secret that may still lie in Key Vault, as its destination was deleted, or its removal given up, by force. */
  orphanLeft(facts: OrphanFacts): void;
  associationChanged(what: "set" | "refreshed" | "removed" | "undone", facts: AssociationFacts): void;
  /** An association goes on under the mount that took its mount's place. */
  associationRekeyed(facts: AssociationFacts): void;
  /** It can't yet: something of it is under way. */
  rekeyWaits(facts: AssociationFacts & { readonly why: string }): void;
  ruleChanged(what: "created" | "updated" | "removed" | "gone", facts: RuleFacts): void;
  /** A rule was walked: which of the known secrets its change concerns. */
  ruleWalked(facts: { destination: string; looked: number; published: number; tookMs: number }): void;
  heldApproved(facts: { destination: string; digest: string; deletes: number }): void;
  pauseChanged(what: "paused" | "resumed", scope: PauseScope): void;
  requestAnswered(facts: { method: string; route: string; status: number; tookMs: number }): void;
  gatewayHint(operation: string): void;
  waitingFor(what: string, why: string): void;
}

export interface SettleTotals {
  readonly looked: number;
  readonly published: number;
  readonly asked: number;
  readonly orphans: number;
  readonly failed: number;
  readonly tookMs: number;
}

interface DestinationFacts {
  readonly name: string;
  readonly uid: string;
}

interface RuleFacts {
  readonly name: string;
  readonly destination: string;
}

interface OrphanFacts {
  readonly destination: string;
  readonly keyVaultUri: string;
  readonly mount: string;
  readonly path: string;
  readonly externalNames: readonly string[];
}

interface AssociationFacts {
  readonly destination: string;
  readonly association: string;
  readonly mount: string;
}

/** The events over a log and a metrics registry. */
export function createEvents(logger: Logger, metrics: Metrics): ServiceEvents {
  const meters = createMeters(metrics);
  return {
    commandPublished(command, { sequence, lane, why }) {
      meters.commands.add({ op: command.op, lane, why });
      const { destination, association, secretKey, op } = command;
      logger.info({ destination, association, secretKey, op, lane, why, sequence }, "command published");
    },
    eventResolved: (ageMs) => meters.eventToCommand.observe({}, Math.max(0, ageMs) / 1_000),
    resolved: (kind) => meters.resolutions.add({ kind }),
    casLost(what) {
      meters.casLost.add({ what });
      logger.debug({ what }, "somebody else wrote first; reading again");
    },
    lookAsked({ mount, why }) {
      meters.asked.add({ why });
      logger.debug({ mount, why }, "asked the detector to look");
    },
    permitDecided(decision, facts) {
      meters.permits.add({ decision });
      if (decision === "refused") logger.warn(facts, "delete held: the destination's budget is spent");
      else logger.info({ ...facts, decision }, "delete permitted from the budget");
    },
    settleProgress: (facts) => logger.info(facts, "settle: under way"),
    settleEnded(facts) {
      meters.settleRounds.add({ result: facts.failed === 0 ? "complete" : "with-failures" });
      const quiet = facts.published + facts.asked + facts.orphans + facts.failed === 0;
      logger[quiet ? "debug" : "info"]({ ...facts }, "settle: round ended");
    },
    settleFailed(code) {
      meters.settleRounds.add({ result: "failed" });
      logger.warn({ code }, "settle: round failed; it is repeated");
    },
    epochChanged({ epoch, why }) {
      meters.epoch.set({}, epoch);
      logger.warn({ epoch, why }, "new epoch: streams were made anew or lost their tail");
    },
    associationsCounted: (count) => meters.associations.set({}, count),
    tombstonePurged: (facts) =>
      logger.debug({ ...facts }, "removed association forgotten: its unsync has ended"),
    destinationChanged: (what, facts) => logger.info({ ...facts, what }, "destination changed"),
    orphanLeft: (facts) => logger.warn({ ...facts }, "left in Key Vault by force: delete it by hand"),
    associationChanged: (what, facts) => logger.info({ ...facts, what }, "association changed"),
    associationRekeyed: (facts) =>
      logger.warn({ ...facts }, "association goes on under the mount that took its mount's place"),
    rekeyWaits: (facts) => logger.info({ ...facts }, "association can't be re-keyed yet"),
    ruleChanged: (what, facts) => logger.info({ ...facts, what }, "rule changed"),
    ruleWalked: (facts) => logger.info({ ...facts }, "rule walked"),
    heldApproved: (facts) => logger.warn({ ...facts }, "held deletes approved"),
    pauseChanged(what, scope) {
      const destination = scope.kind === "destination" ? { destination: scope.uid } : {};
      const associations = scope.kind === "associations" ? { associations: scope.keys.length } : {};
      logger.warn({ what, scope: scope.kind, ...destination, ...associations }, "pauses changed");
    },
    requestAnswered({ method, route, status, tookMs }) {
      meters.requests.add({ method, route, status: `${Math.floor(status / 100)}xx` });
      logger.debug({ method, route, status, tookMs }, "request answered");
    },
    gatewayHint: (operation) => meters.gatewayHints.add({ operation }),
    waitingFor: (what, why) => logger.warn({ what, why }, `waiting for ${what}`),
  };
}

interface Meters {
  readonly commands: CounterMetric<"op" | "lane" | "why">;
  readonly resolutions: CounterMetric<"kind">;
  readonly eventToCommand: HistogramMetric<never>;
  readonly casLost: CounterMetric<"what">;
  readonly asked: CounterMetric<"why">;
  readonly permits: CounterMetric<"decision">;
  readonly settleRounds: CounterMetric<"result">;
  readonly associations: GaugeMetric<never>;
  readonly epoch: GaugeMetric<never>;
  readonly requests: CounterMetric<"method" | "route" | "status">;
  readonly gatewayHints: CounterMetric<"operation">;
}

function createMeters(metrics: Metrics): Meters {
  return {
    commands: metrics.counter({
      name: METRICS.commands,
      help: "Commands published to SYNC_DESIRED",
      labels: ["op", "lane", "why"],
    }),
    resolutions: metrics.counter({
      name: METRICS.resolutions,
      help: "Looks at a (destination, secret), by what became of them",
      labels: ["kind"],
    }),
    eventToCommand: metrics.histogram({
      name: METRICS.eventToCommand,
      help: "From an event's publication to the last of the commands that it asks for",
      buckets: LATENCY_BUCKETS_S,
    }),
    casLost: metrics.counter({
      name: METRICS.casLost,
      help: "Writes that lost a compare-and-set and were decided again",
      labels: ["what"],
    }),
    asked: metrics.counter({
      name: METRICS.asked,
      help: "Looks that were asked of the change-detector",
      labels: ["why"],
    }),
    permits: metrics.counter({
      name: METRICS.permits,
      help: "Source-driven deletes, by what the budget said",
      labels: ["decision"],
    }),
    settleRounds: metrics.counter({
      name: METRICS.settleRounds,
      help: "Rounds of the settle loop",
      labels: ["result"],
    }),
    associations: metrics.gauge({ name: METRICS.associations, help: "Associations, tombstones too" }),
    epoch: metrics.gauge({ name: METRICS.epoch, help: "Epoch of the streams" }),
    requests: metrics.counter({
      name: METRICS.requests,
      help: "API requests",
      labels: ["method", "route", "status"],
    }),
    gatewayHints: metrics.counter({
      name: METRICS.gatewayHints,
      help: "Writes seen by the gateway that became hints",
      labels: ["operation"],
    }),
  };
}
