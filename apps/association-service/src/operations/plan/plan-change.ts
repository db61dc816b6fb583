// Owns: what a change of a destination, a rule or an approval would do in Key Vault, name by name, and what it would cost.
// Pure: no value is read, nothing is ordered. Does not own what is true when it is done: the sinks look again then; nor
// what lies in the vault now (plan-look.ts).

import { highestLiveVersion, type SecretRef, type SecretState, type SyncSpec } from "@keyferry/contracts";
import {
  compileTemplate,
  nameVariables,
  type NameTemplate,
  normaliseName,
  renderName,
} from "@keyferry/naming";

/** A secret as it stands and as it is proposed. */
export interface PlannedPair {
  readonly secret: SecretRef;
  /** As the change-detector saw it last; undefined: it was not seen. */
  readonly state: SecretState | undefined;
  /** Names of ours in Key Vault, and the source's version that each holds. */
  readonly names: readonly {
    readonly name: string;
    readonly subKey?: string;
    readonly version: number | undefined;
  }[];
  /** How its names are made now; undefined: it is not associated. */
  readonly spec: SyncSpec | undefined;
  /** How they would be made; undefined: it would not be associated any more, or its deletes would be allowed. */
  readonly proposed: SyncSpec | undefined;
}

export interface ChangeToPlan {
  readonly destination: { readonly type: string; readonly name: string };
  readonly pairs: readonly PlannedPair[];
  /** Lower-case names of the same vault that secrets outside of the change hold, and whose they are. */
  readonly taken: ReadonlyMap<string, string>;
  /** What a sink saw under names that are to be new, lower-case; absent: nobody looked. */
  readonly inVault?: ReadonlyMap<string, InVault>;
}

/** What lies under a name that is to be new. */
export type InVault =
  | { readonly kind: "refused"; readonly why: string }
  /** The destination's ownership lets it be taken over. */
  | { readonly kind: "taken-over"; readonly why: string }
  /** It is soft-deleted, and is recovered before it is written. */
  | { readonly kind: "recovered"; readonly why: string };

export type PlannedKind = "create" | "update" | "patch" | "rename" | "delete" | "refuse" | "unknown" | "none";

export interface PlannedAction {
  readonly kind: PlannedKind;
  readonly secret: string;
  /** In Key Vault; null where it is not known before a value is read. */
  readonly name: string | null;
  readonly why: string;
}

export interface ChangePlan {
  readonly actions: readonly PlannedAction[];
  readonly counts: Readonly<Record<PlannedKind, number>>;
  /** Calls to Key Vault that count as creates, and all others. */
  readonly calls: { readonly creates: number; readonly others: number };
  /** How long they take at Azure's limits, with nothing else under way; a second at least. */
  readonly seconds: number;
}

// DESIGN section 7: 300 creates in 10 s per vault, less a reserve; 4,000 other calls in 10 s, less a reserve.
const CREATES_PER_S = 28.5;
const OTHERS_PER_S = 390;

/** What would be done. */
export function planChange({ destination, pairs, taken, inVault }: ChangeToPlan): ChangePlan {
  const holders = new Map(taken);
  const templates = new Map<string, NameTemplate | string>();
  const actions = pairs.flatMap((pair) => planPair(pair, { destination, holders, templates, inVault }));
  const counts = { create: 0, update: 0, patch: 0, rename: 0, delete: 0, refuse: 0, unknown: 0, none: 0 };
  const calls = { creates: 0, others: 0 };
  for (const { kind } of actions) {
    counts[kind] += 1;
    calls.creates += COST[kind].creates;
    calls.others += COST[kind].others;
  }
  const busy = Math.max(calls.creates / CREATES_PER_S, calls.others / OTHERS_PER_S);
  return {
    actions,
    counts,
    calls,
    seconds: calls.creates + calls.others === 0 ? 0 : Math.max(1, Math.ceil(busy)),
  };
}

// A name that is not ours yet, and one that is to go, is looked at first (DESIGN section 7).
const COST: Readonly<Record<PlannedKind, { readonly creates: number; readonly others: number }>> = {
  create: { creates: 1, others: 1 },
  update: { creates: 1, others: 0 },
  patch: { creates: 0, others: 1 },
  rename: { creates: 1, others: 3 },
  delete: { creates: 0, others: 2 },
  refuse: { creates: 0, others: 0 },
  unknown: { creates: 0, others: 0 },
  none: { creates: 0, others: 0 },
};

interface Context {
  readonly destination: ChangeToPlan["destination"];
  /** Grows with each name that is given out. */
  readonly holders: Map<string, string>;
  readonly templates: Map<string, NameTemplate | string>;
  readonly inVault: ChangeToPlan["inVault"];
}

function planPair(pair: PlannedPair, context: Context): PlannedAction[] {
  const { secret, state, names, proposed } = pair;
  const label = `${secret.mount}/${secret.path}`;
  const tell = (kind: PlannedKind, name: string | null, why: string): PlannedAction => ({
    kind,
    secret: label,
    name,
    why,
  });
  if (proposed === undefined)
    return names.map(({ name }) => tell("delete", name, "it is not wished any more"));
  if (state === undefined) return [tell("unknown", null, "the change-detector has not seen it yet")];
  const version = highestLiveVersion(state);
  if (version === undefined) {
    return names.length === 0
      ? [tell("none", null, "it has no version that can be read")]
      : names.map(({ name }) => tell("delete", name, "it has no version that can be read"));
  }
  const subKeys = proposed.granularity === "secret-key" ? keysOf(pair) : [undefined];
  if (subKeys.length === 0) {
    return [tell("unknown", null, "one name for each of its keys, which are known when its value is read")];
  }
  const actions: PlannedAction[] = [];
  const kept = new Set<string>();
  for (const subKey of subKeys) {
    const rendered = nameFor(pair, proposed, subKey, context);
    if ("refused" in rendered) {
      actions.push(tell("refuse", null, rendered.refused));
      continue;
    }
    const lower = rendered.name.toLowerCase();
    const holder = context.holders.get(lower);
    if (holder !== undefined) {
      actions.push(tell("refuse", rendered.name, `${holder} has this name already`));
      continue;
    }
    context.holders.set(lower, label);
    kept.add(lower);
    const step = stepFor(pair, proposed, rendered.name, { subKey, version });
    actions.push(tell(...inVaultsLight(step, context.inVault?.get(lower))));
  }
  return [
    ...actions,
    ...leftOver(pair, kept, actions).map((name) =>
      tell("delete", name, "no key or template gives it any more"),
    ),
  ];
}

function stepFor(
  { names, spec }: PlannedPair,
  proposed: SyncSpec,
  name: string,
  { subKey, version }: { readonly subKey: string | undefined; readonly version: number },
): [PlannedKind, string, string] {
  const held = names.find((one) => one.name.toLowerCase() === name.toLowerCase());
  if (held === undefined) {
    const before = names.find((one) => one.subKey === subKey);
    return before === undefined
      ? ["create", name, `version ${version}`]
      : ["rename", name, `from ${before.name}: the new one is written before the old one is deleted`];
  }
  if (held.version !== version) return ["update", name, `version ${held.version ?? "?"} to ${version}`];
  if (JSON.stringify(sorted(spec?.customTags)) !== JSON.stringify(sorted(proposed.customTags))) {
    return ["patch", name, "its tags change"];
  }
  return ["none", name, `it holds version ${version}`];
}

// Only what is to be new meets what lies there: a name of ours is known.
function inVaultsLight(
  step: [PlannedKind, string, string],
  there: InVault | undefined,
): [PlannedKind, string, string] {
  const [kind, name, why] = step;
  if (there === undefined || (kind !== "create" && kind !== "rename")) return step;
  return there.kind === "refused" ? ["refuse", name, there.why] : [kind, name, `${why}; ${there.why}`];
}

// What a rename takes away is in the rename already.
function leftOver(
  { names }: PlannedPair,
  kept: ReadonlySet<string>,
  actions: readonly PlannedAction[],
): readonly string[] {
  const renamed = actions.filter(({ kind }) => kind === "rename").map(({ why }) => why);
  return names
    .map(({ name }) => name)
    .filter(
      (name) => !kept.has(name.toLowerCase()) && !renamed.some((why) => why.startsWith(`from ${name}:`)),
    );
}

function keysOf({ names }: PlannedPair): readonly string[] {
  return names.flatMap(({ subKey }) => (subKey === undefined ? [] : [subKey]));
}

function nameFor(
  { secret }: PlannedPair,
  spec: SyncSpec,
  subKey: string | undefined,
  { destination, templates }: Context,
): { readonly name: string } | { readonly refused: string } {
  const key = `${spec.granularity} ${spec.nameTemplate}`;
  let template = templates.get(key);
  if (template === undefined) {
    const compiled = compileTemplate(spec.nameTemplate, { granularity: spec.granularity });
    template = compiled.kind === "ok" ? compiled.template : compiled.why;
    templates.set(key, template);
  }
  if (typeof template === "string") return { refused: template };
  const variables = nameVariables({
    destination,
    secret,
    ...(subKey === undefined ? {} : { secretKey: subKey }),
  });
  const raw = renderName(template, variables);
  if (raw.kind === "refused") return { refused: raw.why };
  const normal = normaliseName(raw.name, { hashWhenAltered: spec.byRule });
  return normal.kind === "refused" ? { refused: normal.why } : { name: normal.name };
}

function sorted(tags: Readonly<Record<string, string>> = {}): readonly (readonly [string, string])[] {
  return Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1));
}
