// Owns: which pairs an operation goes through, in one order that whoever takes over finds again. A replay's are those
// whose secret has an event in its span of time; a resync's are all. Resolved against today's associations: what is
// associated now counts, not what was.

import type { OperationRecord, SecretKey } from "@keyferry/contracts";
import type { Pairs, PairFilter, PairView } from "../pairs.ts";
import type { OperationsBus } from "../ports.ts";
import { compileGlob } from "./path-glob.ts";

export type SelectionOptions = OperationRecord["options"];

/** @throws KeyferryError `bus-*` */
export async function selectPairs(
  {
    bus,
    source,
    pairs,
  }: { readonly bus: Pick<OperationsBus, "events">; readonly source: string; readonly pairs: Pairs },
  kind: OperationRecord["kind"],
  options: SelectionOptions,
  signal: AbortSignal,
): Promise<readonly PairView[]> {
  const changed = kind === "replay" ? await changedSecrets(bus, source, options, signal) : undefined;
  await pairs.caughtUp(signal);
  const filter = filterOf(options);
  const selected: PairView[] = [];
  for (const pair of pairs.inNamespace(options.namespace, filter, "and-removed")) {
    if (changed === undefined || changed.has(pair.secretKey)) selected.push(pair);
  }
  return selected.sort((a, b) => (a.key < b.key ? -1 : 1));
}

async function changedSecrets(
  bus: Pick<OperationsBus, "events">,
  source: string,
  { since, until, through }: SelectionOptions,
  signal: AbortSignal,
): Promise<ReadonlySet<SecretKey>> {
  const range = {
    ...(since === undefined ? {} : { since: Date.parse(since) }),
    ...(through === undefined ? {} : { throughSequence: through }),
  };
  const untilMs = until === undefined ? Number.POSITIVE_INFINITY : Date.parse(until);
  const keys = new Set<SecretKey>();
  for await (const { key, time } of bus.events.history(source, undefined, range, signal)) {
    if (time <= untilMs) keys.add(key);
  }
  return keys;
}

function filterOf({ destination, mount, path }: SelectionOptions): PairFilter {
  const glob = path === undefined ? undefined : compileGlob(path);
  return {
    destination,
    mount,
    // A glob that can't be read was refused when the operation was made.
    ...(glob?.kind === "ok" ? { path: glob.matches } : {}),
  };
}
