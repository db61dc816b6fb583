// Owns: how the API's parts are put together from ports. No decisions.

import type { InstanceRecord } from "@keyferry/contracts";
import type { Clock, Random } from "@keyferry/ports";
import { AssociationReader } from "../associations/association-reader.ts";
import { AssociationWriter } from "../associations/association-writer.ts";
import { SecretFinder } from "../associations/resolve-secret.ts";
import { Authoriser } from "../authorise/authorise.ts";
import type { FollowedTables } from "../boot/follow-tables.ts";
import type { DestinationDefaults } from "../destinations/compose-destination.ts";
import type { CredentialStore } from "../destinations/credential-store.ts";
import { DestinationWriter } from "../destinations/destination-writer.ts";
import { ForceDeletion } from "../destinations/force-deletion.ts";
import type { Retirement } from "../destinations/retirement.ts";
import type { ServiceEvents } from "../events.ts";
import type { BusPort, SourcePort } from "../ports.ts";
import { SyncConfigStore } from "../sync-config/sync-config-store.ts";
import type { ApiParts } from "./call.ts";

export interface ApiPartsOptions {
  readonly bus: BusPort;
  readonly source: SourcePort;
  readonly sourceName: string;
  /** Keyferry's own mount. */
  readonly own: { readonly namespace: string; readonly mount: string };
  readonly defaults: DestinationDefaults;
  readonly tables: FollowedTables;
  readonly credentials: CredentialStore;
  readonly retirement: Retirement;
  readonly instance: InstanceRecord;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: ServiceEvents;
}

/** What the routes hand requests on to. */
export function createApiParts(options: ApiPartsOptions): ApiParts {
  const { bus, source, tables, credentials, clock, random, events } = options;
  const { associations, destinations } = tables;
  const authoriser = new Authoriser({ source, clock, random });
  const secretKeyKey = Buffer.from(options.instance.secretKeyKey, "base64");
  const destinationWriter = new DestinationWriter({
    table: bus.destinations,
    associations,
    credentials,
    defaults: options.defaults,
    clock,
    random,
    events,
  });
  return {
    authoriser,
    destinations,
    destinationWriter,
    forceDeletion: new ForceDeletion({
      bus,
      associations,
      results: tables.results,
      destinationWriter,
      retirement: options.retirement,
      events,
    }),
    syncConfig: new SyncConfigStore(source, options.own),
    associationReader: new AssociationReader(tables),
    associationWriter: new AssociationWriter({
      table: bus.associations,
      destinations: bus.destinations,
      associations,
      secretKeyKey,
      clock,
      random,
      events,
    }),
    secretFinder: new SecretFinder({
      source,
      sourceName: options.sourceName,
      own: options.own,
    }),
  };
}
