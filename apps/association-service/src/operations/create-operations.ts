// Owns: how the parts of operating are put together from ports. No decisions.

import type { InstanceRecord, OperationRecord } from "@keyferry/contracts";
import { secretKeyOf } from "@keyferry/naming";
import type { Clock, Random } from "@keyferry/ports";
import type { FollowedTables } from "../boot/follow-tables.ts";
import type { DestinationDefaults } from "../destinations/compose-destination.ts";
import { refOf } from "../rules/known-secrets.ts";
import type { TableView } from "../ports.ts";
import type { DoctorSource } from "./doctor/gather-facts.ts";
import { History } from "./history/history.ts";
import { Pairs } from "./pairs.ts";
import type { OperationsParts } from "./parts.ts";
import type { OperationsBus } from "./ports.ts";
import { OperationStore } from "./replay/operation-store.ts";

export interface CreateOperationsOptions {
  readonly bus: OperationsBus;
  readonly source: DoctorSource;
  readonly rules: OperationsParts["rules"];
  readonly defaults: DestinationDefaults;
  readonly sourceName: string;
  readonly sourceState: () => string;
  readonly tables: FollowedTables;
  readonly instance: InstanceRecord;
  readonly operations: TableView<OperationRecord>;
  readonly epoch: () => number;
  readonly lookAgain: OperationsParts["lookAgain"];
  readonly adopt: OperationsParts["adopt"];
  readonly confirmSource: OperationsParts["confirmSource"];
  readonly own: { readonly mount: string };
  readonly clock: Clock;
  readonly random: Random;
}

/** The parts. */
export function createOperations(options: CreateOperationsOptions): OperationsParts {
  const { bus, source, sourceName, sourceState, tables, instance, operations, epoch, clock, random } =
    options;
  const { destinations, associations } = tables;
  const pairs = new Pairs(tables);
  const key = Buffer.from(instance.secretKeyKey, "base64");
  return {
    bus,
    source: sourceName,
    pairs,
    destinations,
    history: new History({ bus, source: sourceName, destinations, clock }),
    store: new OperationStore({ table: bus.operations, view: operations, clock, random }),
    overview: { bus, pairs, destinations, source: { name: sourceName, state: sourceState }, clock },
    lookAgain: options.lookAgain,
    adopt: options.adopt,
    confirmSource: options.confirmSource,
    clock,
    own: options.own,
    doctorSource: source,
    defaults: options.defaults,
    *knownSecrets() {
      for (const [secretKey, secret] of tables.secrets.all()) {
        const { state } = secret;
        if (state.kind === "present") {
          yield { secretKey, secret: refOf(secret), customMetadata: state.customMetadata };
        }
      }
    },
    rules: options.rules,
    rehearsal: { bus, source: sourceName, epoch },
    async keysOf({ namespace, mount, path }, signal) {
      const known = new Set(
        associations.ofPath(namespace, mount, path).map(({ entry }) => entry.value.secretKey),
      );
      if (known.size > 0) return [...known];
      const found = await source.mountOf({ namespace, path: mount }, signal);
      if (found.kind === "missing") return [];
      return [secretKeyOf(key, { source: sourceName, accessor: found.mount.accessor, path })];
    },
  };
}
