// Owns: the views that this process keeps of the tables, opened together and waited for together.

import type { Lane, SyncCommand, SyncRecord } from "@keyferry/contracts";
import { AssociationIndex } from "../associations/association-index.ts";
import { DestinationIndex } from "../destinations/destination-index.ts";
import type { BusPort, TableView } from "../ports.ts";
import { orAborted, SharedLooks } from "./shared-looks.ts";

export interface FollowedTables {
  readonly associations: AssociationIndex;
  readonly destinations: DestinationIndex;
  readonly commands: TableView<SyncCommand & { readonly lane: Lane }>;
  readonly results: TableView<SyncRecord>;
  caughtUp(signal?: AbortSignal): Promise<void>;
}

/** Opens the views; they end with `signal`. They are complete after the first `caughtUp`. */
export async function followTables(bus: BusPort, signal: AbortSignal): Promise<FollowedTables> {
  const associations = new AssociationIndex(shareCatchUp(await bus.associations.watch(signal)));
  const destinations = new DestinationIndex(
    shareCatchUp(await bus.destinations.watch(signal)),
    bus.destinations,
  );
  const commands = shareCatchUp(await bus.commands.watch(signal));
  const results = shareCatchUp(await bus.results.watch(signal));
  return {
    associations,
    destinations,
    commands,
    results,
    async caughtUp(patience) {
      const views = [associations, destinations, commands, results];
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
    caughtUp: (signal) =>
      orAborted(
        looks.look("", (limit) => view.caughtUp(limit)),
        signal,
      ),
  };
}
