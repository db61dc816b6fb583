// Owns: the verdict on each promise, with the counts that it rests on.

import type { Canary } from "@keyferry/testkit";
import type { Pair } from "../load/story.ts";
import type { Difference } from "./convergence.ts";
import { judgeOrder } from "./order.ts";
import type { SeenEffect, VaultLog } from "./vault-log.ts";

export interface Verdict {
  readonly promise: string;
  readonly says: string;
  readonly holds: boolean;
  readonly counts: Readonly<Record<string, number>>;
  /** The first of what is wrong, in words. */
  readonly breaches: readonly string[];
}

const BREACHES_SHOWN = 20;
/** P6: at most one answer of 429 in so many calls. */
const CALLS_PER_THROTTLED = 1_000;
/** Azure's window and ceiling for new versions. */
const WINDOW_MS = 10_000;
const CREATES_MAX = 300;

export interface Evidence {
  readonly pairs: readonly Pair[];
  readonly strangers: ReadonlySet<string>;
  readonly log: VaultLog;
  readonly left: readonly Difference[];
  readonly wrongStatuses: readonly string[];
  readonly convergedAfterMs: number | undefined;
  /** How many effects the stranger itself caused. */
  readonly strangerWrites: number;
  readonly found: ReturnType<Canary["searchText"]>;
  readonly searchedBytes: number;
}

export function judge(evidence: Evidence): readonly Verdict[] {
  return [
    converges(evidence),
    ...orderAndCost(evidence),
    neverForeign(evidence),
    valuesStayOut(evidence),
    atTheCeiling(evidence),
    explains(evidence),
  ].toSorted((a, b) => a.promise.localeCompare(b.promise));
}

function converges({ pairs, left, convergedAfterMs }: Evidence): Verdict {
  return verdict(
    "P1",
    "converges",
    left.map(({ vault, name, is }) => `${vault}/${name}: ${is}`),
    {
      associations: pairs.filter(({ isAssociated }) => isAssociated).length,
      pairs: pairs.length,
      differences: left.length,
      ...(convergedAfterMs === undefined ? {} : { convergedAfterMs }),
    },
  );
}

function orderAndCost({ pairs, strangers, log }: Evidence): readonly Verdict[] {
  const byName = groupEffects(log.effects);
  const backwards: string[] = [];
  const costly: string[] = [];
  let sets = 0;
  let wished = 0;
  let deletes = 0;
  for (const pair of pairs) {
    if (strangers.has(pair.name)) continue;
    const effects = byName.get(`${pair.vault}/${pair.name}`) ?? [];
    const order = judgeOrder(pair.states, effects);
    sets += order.sets;
    wished += order.wishedValues;
    deletes += effects.filter(({ kind }) => kind === "delete").length;
    for (const { index, why } of order.breaches) {
      const effect = effects[index];
      const at = effect === undefined ? "" : new Date(effect.wallMs).toISOString();
      backwards.push(`${pair.vault}/${pair.name}: ${effect?.kind ?? ""} ${why} at ${at}`);
    }
    if (order.sets > order.wishedValues) {
      costly.push(`${pair.vault}/${pair.name}: ${order.sets} versions for ${order.wishedValues} wishes`);
    }
  }
  return [
    verdict("P2", "never backwards", backwards, {
      names: pairs.length,
      sets,
      deletes,
      breaches: backwards.length,
    }),
    verdict("P4", "one version per change of the wish", costly, {
      versions: sets,
      wishedValues: wished,
      namesWithMore: costly.length,
    }),
  ];
}

function neverForeign({ strangers, log, strangerWrites }: Evidence): Verdict {
  const effects = log.effects.filter(({ name }) => strangers.has(name));
  const requests = new Map(log.requests.map((request) => [request.seq, request]));
  const asked = log.requests.filter(
    ({ name, operation }) => strangers.has(name) && operation === "set",
  ).length;
  const ours = effects.length - strangerWrites;
  const told = effects
    .slice(strangerWrites)
    .map(
      ({ vault, name, kind, requestSeq }) =>
        `${vault}/${name}: ${kind} by ${requests.get(requestSeq)?.principal}`,
    );
  return verdict("P3", "never foreign", ours === 0 ? [] : told.length > 0 ? told : ["an effect is missing"], {
    foreignNames: strangers.size,
    effectsOfOthers: strangerWrites,
    effectsOfOurs: ours,
    putsSent: asked,
  });
}

function valuesStayOut({ found, searchedBytes }: Evidence): Verdict {
  return verdict(
    "P5",
    "values stay out",
    found.map(({ form, where }) => `${form} in ${where}`),
    {
      searchedMegabytes: Math.round(searchedBytes / 1e6),
      findings: found.length,
    },
  );
}

function atTheCeiling({ log }: Evidence): Verdict {
  const calls = log.requests.filter(({ hadToken }) => hadToken);
  const throttled = calls.filter(({ status, faults }) => status === 429 && faults.length === 0).length;
  const injected = calls.filter(({ status, faults }) => status === 429 && faults.length > 0).length;
  const most = Math.max(
    0,
    ...[...new Set(calls.map(({ vault }) => vault))].map((vault) => mostWithin(calls, vault)),
  );
  const breaches = [
    ...(throttled * CALLS_PER_THROTTLED > calls.length ? [`${throttled} answers of 429`] : []),
    ...(most > CREATES_MAX ? [`${most} creates in ten seconds`] : []),
  ];
  return verdict("P6", "at Azure's ceiling and no faster", breaches, {
    calls: calls.length,
    throttledByLimits: throttled,
    throttledByFault: injected,
    mostCreatesIn10s: most,
    ceilingIn10s: CREATES_MAX,
  });
}

function explains({ wrongStatuses, pairs }: Evidence): Verdict {
  return verdict("P7", "the API says what is", wrongStatuses, {
    rows: pairs.length,
    wrong: wrongStatuses.length,
  });
}

function verdict(
  promise: string,
  says: string,
  breaches: readonly string[],
  counts: Readonly<Record<string, number>>,
): Verdict {
  return { promise, says, holds: breaches.length === 0, counts, breaches: breaches.slice(0, BREACHES_SHOWN) };
}

export function groupEffects(effects: readonly SeenEffect[]): ReadonlyMap<string, readonly SeenEffect[]> {
  return Map.groupBy(effects, ({ vault, name }) => `${vault}/${name}`);
}

function mostWithin(calls: VaultLog["requests"], vault: string): number {
  const times = calls.filter((one) => one.vault === vault && one.operation === "set").map(({ atMs }) => atMs);
  let most = 0;
  let from = 0;
  for (const [at, time] of times.entries()) {
    while (time - (times[from] ?? time) >= WINDOW_MS) from += 1;
    most = Math.max(most, at - from + 1);
  }
  return most;
}
