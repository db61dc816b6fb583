// Owns: how the API's parts are put together from ports. No decisions.

import type { InstanceRecord } from "@keyferry/contracts";
import type { Clock, Random } from "@keyferry/ports";
import { AssociationReader } from "../associations/association-reader.ts";
import { AssociationWriter } from "../associations/association-writer.ts";
import { NameIndex } from "../associations/name-index.ts";
import { SecretFinder } from "../associations/resolve-secret.ts";
import { Authoriser } from "../authorise/authorise.ts";
import type { FollowedTables } from "../boot/follow-tables.ts";
import type { DestinationDefaults } from "../destinations/compose-destination.ts";
import type { CheckMode } from "../destinations/connection-check.ts";
import type { CredentialStore } from "../destinations/credential-store.ts";
import { DestinationWriter } from "../destinations/destination-writer.ts";
import { ForceDeletion } from "../destinations/force-deletion.ts";
import type { Retirement } from "../destinations/retirement.ts";
import type { ServiceEvents } from "../events.ts";
import type { OperationsParts } from "../operations/parts.ts";
import type { BusPort, SourcePort } from "../ports.ts";
import { PauseStore } from "../pauses/pause-store.ts";
import type { Approvals } from "../permits/approvals.ts";
import { Tombstones } from "../resolve/tombstones.ts";
import { RuleWriter } from "../rules/rule-writer.ts";
import type { RuledPairs } from "../rules/ruled-pairs.ts";
import { SyncConfigStore } from "../sync-config/sync-config-store.ts";
import type { ApiParts } from "./call.ts";

export interface ApiPartsOptions {
  readonly bus: BusPort;
  readonly source: SourcePort;
  readonly sourceName: string;
  /** Keyferry's own mount. */
  readonly own: { readonly namespace: string; readonly mount: string };
  readonly defaults: DestinationDefaults;
  readonly checkMode: CheckMode;
  readonly tables: FollowedTables;
  readonly credentials: CredentialStore;
  readonly retirement: Retirement;
  readonly ruledPairs: RuledPairs;
  readonly approvals: Approvals;
  readonly instance: InstanceRecord;
  readonly operations: OperationsParts;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: ServiceEvents;
}

/** What the routes hand requests on to. */
export function createApiParts(options: ApiPartsOptions): ApiParts {
  const { bus, source, tables, credentials, clock, random, events } = options;
  const { associations, destinations, effective, rules, secrets } = tables;
  const authoriser = new Authoriser({ source, clock, random });
  const pauses = new PauseStore({ table: bus.pauses, effective, destinations, clock, events });
  const secretKeyKey = Buffer.from(options.instance.secretKeyKey, "base64");
  const destinationWriter = new DestinationWriter({
    table: bus.destinations,
    associations,
    rules,
    ruledPairs: options.ruledPairs,
    credentials,
    defaults: options.defaults,
    checks: bus.connectionChecks,
    checkMode: options.checkMode,
    clock,
    random,
    events,
  });
  return {
    authoriser,
    destinations,
    associations,
    effective,
    rules,
    ruleWriter: new RuleWriter({
      table: bus.rules,
      destinations: bus.destinations,
      countOf: (uid) => rules.ofDestination(uid).length,
      clock,
      events,
    }),
    approvals: options.approvals,
    tombstones: new Tombstones(bus, events),
    pauses,
    destinationWriter,
    connectionChecks: bus.connectionChecks,
    forceDeletion: new ForceDeletion({
      bus,
      associations,
      results: tables.results,
      destinationWriter,
      retirement: options.retirement,
      events,
    }),
    syncConfig: new SyncConfigStore({ source, own: options.own, pauses }),
    operations: options.operations,
    associationReader: new AssociationReader(tables),
    associationWriter: new AssociationWriter({
      table: bus.associations,
      destinations: bus.destinations,
      associations,
      names: new NameIndex({ associations: effective, destinations, results: tables.results }),
      effective,
      secrets,
      secretKeyKey,
      clock,
      events,
    }),
    secretFinder: new SecretFinder({
      source,
      sourceName: options.sourceName,
      own: options.own,
    }),
  };
}
