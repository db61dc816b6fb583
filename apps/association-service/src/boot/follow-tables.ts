// Owns: the views that this process keeps of the tables, opened together and waited for together.

import type { Lane, PausesRecord, SyncCommand, SyncRecord } from "@keyferry/contracts";
import { AssociationIndex } from "../associations/association-index.ts";
import { EffectiveAssociations } from "../associations/effective-associations.ts";
import type { OwnMount } from "../associations/resolve-secret.ts";
import { DestinationIndex } from "../destinations/destination-index.ts";
import type { BusPort, TableView } from "../ports.ts";
import { ReplacedMounts } from "../rekey/replaced-mounts.ts";
import { KnownSecrets, RowMaker } from "../rules/known-secrets.ts";
import { RuleBook } from "../rules/rule-book.ts";
import { orAborted, SharedLooks } from "./shared-looks.ts";

export interface FollowedTables {
  readonly associations: AssociationIndex;
  readonly destinations: DestinationIndex;
  readonly commands: TableView<SyncCommand & { readonly lane: Lane }>;
  readonly results: TableView<SyncRecord>;
  readonly pauses: TableView<PausesRecord>;
  readonly rules: RuleBook;
  readonly secrets: KnownSecrets;
  readonly replaced: ReplacedMounts;
  /** Stored associations and those that rules make. */
  readonly effective: EffectiveAssociations;
  caughtUp(signal?: AbortSignal): Promise<void>;
}

export interface FollowOptions {
  /** Name of the source in subjects. */
  readonly source: string;
  readonly own: OwnMount;
  /** Key of `<k>`. */
  readonly secretKeyKey: Buffer;
}

/** Opens the views; they end with `signal`. They are complete after the first `caughtUp`. */
export async function followTables(
  bus: BusPort,
  { source, own, secretKeyKey }: FollowOptions,
  signal: AbortSignal,
): Promise<FollowedTables> {
  const associations = new AssociationIndex(shareCatchUp(await bus.associations.watch(signal)));
  const destinations = new DestinationIndex(
    shareCatchUp(await bus.destinations.watch(signal)),
    bus.destinations,
  );
  const commands = shareCatchUp(await bus.commands.watch(signal));
  const results = shareCatchUp(await bus.results.watch(signal));
  const pauses = shareCatchUp(await bus.pauses.watch(signal));
  const replaced = new ReplacedMounts(shareCatchUp(await bus.sourceConfirmations.watch(signal)), source);
  const rules = new RuleBook(shareCatchUp(await bus.rules.watch(signal)), own, replaced);
  const rows = new RowMaker();
  const lastStates = await bus.events.watch(source, (event) => rows.rowOf(event), signal);
  const secrets = new KnownSecrets(shareCatchUp(lastStates), rows, secretKeyKey);
  const effective = new EffectiveAssociations({ associations, destinations, rules, secrets });
  return {
    associations,
    destinations,
    commands,
    results,
    pauses,
    rules,
    secrets,
    effective,
    replaced,
    async caughtUp(patience) {
      const views = [effective, replaced, commands, results, pauses];
      await Promise.all(views.map((view) => view.caughtUp(patience)));
    },
  };
}

// Each catch-up is a read of the stream's leader; requests that wait at the same time share one (LOOK-1).
function shareCatchUp<T>(view: TableView<T>): TableView<T> {
  const looks = new SharedLooks<void>();
  return {
    get size() {
      return view.size;
    },
    get: (key) => view.get(key),
    entries: () => view.entries(),
    onChange: (listener) => view.onChange(listener),
    close: () => view.close(),
    reached: (sequence, signal) => view.reached(sequence, signal),
    caughtUp: (signal) =>
      orAborted(
        looks.look("", (limit) => view.caughtUp(limit)),
        signal,
      ),
  };
}
