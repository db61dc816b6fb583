// Owns: the paths of plans: gathers what a plan needs from the views and the log, and asks planChange. Orders nothing.

import type {
  DestinationRecord,
  RuleRecord,
  SecretKey,
  SyncRecord,
  SyncSpec,
  Uid,
} from "@keyferry/contracts";
import { composeDestination } from "../../destinations/compose-destination.ts";
import { readDestinationFields } from "../../destinations/destination-fields.ts";
import type { Answer, Call } from "../../gateway/call.ts";
import type { AddRead, AddWrite } from "../../gateway/operation-table.ts";
import { badRequest } from "../../gateway/refusal.ts";
import { compileRule } from "../../rules/match-rule.ts";
import { madeSpec } from "../../rules/made-association.ts";
import { authorisedBody, operationsOf } from "../call-parts.ts";
import { destinationNamed, readFields } from "../fields.ts";
import { type PairView, secretNameOf, statusOfPair } from "../pairs.ts";
import { compileGlob } from "../replay/path-glob.ts";
import { type ChangePlan, planChange, type PlannedPair } from "./plan-change.ts";
import { lookForPlan, type LookedAt, type VaultOfPlan } from "./plan-look.ts";
import { planDestinationSchema, planRuleSchema } from "./plan-schemas.ts";

const PLAN = "/v1/sys/sync/plan";
// A plan answers within the request; each pair is a read of the log.
const PAIRS_MAX = 20_000;
const AT_ONCE = 32;
const ACTIONS_SHOWN = 500;
const KEPT_NAMES =
  "Associations keep the names that they were set with until they are set again: the plan is as if all were.";

/** Registers them. */
export function addPlanRoutes({ write }: { readonly read: AddRead; readonly write: AddWrite }): void {
  const put: ["PUT", "POST"] = ["PUT", "POST"];
  write(put, `${PLAN}/destinations/azure-kv/:name`, planDestination);
  write(put, `${PLAN}/rules`, planRule);
  write(put, `${PLAN}/approvals/azure-kv/:name`, planApproval);
}

/** A secret of the change, before its state is read. */
interface Wanted {
  readonly secretKey: SecretKey;
  readonly secret: PlannedPair["secret"];
  readonly record: SyncRecord | undefined;
  readonly association?: Uid;
  readonly spec: SyncSpec | undefined;
  readonly proposed: SyncSpec | undefined;
}

async function planDestination(call: Call): Promise<Answer> {
  const body = await authorisedBody(call);
  const { mount, path, ...rest } = body;
  const selection = readFields(
    planDestinationSchema.pick({ mount: true, path: true }),
    onlyGiven({ mount, path }),
  );
  const { name } = call.request.params as { readonly name: string };
  const { destinations } = call.parts;
  await call.parts.operations.pairs.caughtUp(call.signal);
  const stored = destinations.byName({ namespace: call.caller.namespace, type: "azure-kv", name })?.entry
    .value;
  const { spec, vault } = proposedBy(call, rest, { name, stored });
  const known = stored === undefined ? [] : pairsOf(call, stored);
  const wanted: Wanted[] = known.map((pair) => ({ ...wantedOf(pair), proposed: spec }));
  const have = new Set(wanted.map(({ secretKey }) => secretKey));
  const glob = selection.path === undefined ? undefined : compileGlob(selection.path);
  if (selection.mount !== undefined) {
    const within = selection.mount.replace(/\/+$/, "");
    for (const one of knownSecrets(call)) {
      const { secret } = one;
      if (secret.mount !== within || have.has(one.secretKey)) continue;
      if (glob?.kind === "ok" && !glob.matches(secret.path)) continue;
      wanted.push({ ...one, record: undefined, spec: undefined, proposed: spec });
    }
  }
  const notes = stored === undefined ? [] : [KEPT_NAMES];
  return answerOf(call, vault, stored, wanted, notes);
}

async function planRule(call: Call): Promise<Answer> {
  const fields = readFields(planRuleSchema, await authorisedBody(call));
  if (fields.destination === undefined)
    throw badRequest("destination is missing: send the rule's destination");
  if (fields.mounts === undefined || fields.mounts.length === 0) {
    throw badRequest("mounts is missing: send globs over mounts, as [my-kv] or [team-*]");
  }
  const paths = fields.paths ?? [];
  for (const glob of paths) {
    const read = compileGlob(glob);
    if (read.kind === "refused") throw badRequest(read.why);
  }
  const destination = await destinationNamed(call, fields.destination.replace(/^azure-kv\//, ""));
  await call.parts.operations.pairs.caughtUp(call.signal);
  const customMetadata = Object.fromEntries(
    Object.entries(fields.custom_metadata ?? {}).map(([key, glob]) => [key, glob ?? "*"]),
  );
  const at = new Date(operationsOf(call).clock.now()).toISOString();
  const rule: RuleRecord = {
    major: 1,
    uid: destination.uid,
    namespace: call.caller.namespace,
    name: "planned",
    destination: destination.uid,
    state: "active",
    match: { mounts: fields.mounts, paths, customMetadata },
    spec: destination.spec,
    createdAt: at,
    updatedAt: at,
  };
  const compiled = compileRule(rule);
  const known = new Set(pairsOf(call, destination).map(({ secretKey }) => secretKey));
  const wanted: Wanted[] = [];
  for (const { customMetadata: has, ...one } of knownSecrets(call)) {
    if (known.has(one.secretKey) || !compiled.coversPath(one.secret) || !compiled.coversMetadata(has))
      continue;
    wanted.push({ ...one, record: undefined, spec: undefined, proposed: madeSpec(destination.spec) });
  }
  return answerOf(call, destination, destination, wanted, []);
}

async function planApproval(call: Call): Promise<Answer> {
  await authorisedBody(call);
  const { name } = call.request.params as { readonly name: string };
  const destination = await destinationNamed(call, name);
  await call.parts.operations.pairs.caughtUp(call.signal);
  const held = pairsOf(call, destination).filter(
    (pair) => pair.record?.outcome?.kind === "held" && statusOfPair(pair).status === "PENDING",
  );
  const wanted = held.map((pair) => ({ ...wantedOf(pair), proposed: undefined }));
  return answerOf(call, destination, destination, wanted, []);
}

/** What a write with these fields would store. @throws Refusal 400 with what the write itself would say */
function proposedBy(
  call: Call,
  body: Readonly<Record<string, unknown>>,
  { name, stored }: { readonly name: string; readonly stored: DestinationRecord | undefined },
): { readonly spec: SyncSpec; readonly vault: VaultOfPlan } {
  const fields = readDestinationFields(body);
  if (fields.kind === "refused") throw badRequest(...fields.errors);
  const { defaults } = operationsOf(call);
  const mode = stored === undefined ? "replace" : "merge";
  const composed = composeDestination({ mode, fields: fields.fields, stored, defaults });
  if (composed.kind === "refused") throw badRequest(...composed.errors);
  const { spec, connection, credential, policy } = composed.destination;
  // A secret that is not stored can't be used by a sink: its own environment may do.
  const kept = stored?.connection.credential ?? { kind: "environment" as const };
  const usable = credential.kind === "become" ? credential.credential : kept;
  return { spec, vault: { name, connection: { ...connection, credential: usable }, policy } };
}

function pairsOf(call: Call, { uid }: DestinationRecord): readonly PairView[] {
  return [...operationsOf(call).pairs.inNamespace(call.caller.namespace, { destination: uid })];
}

function wantedOf({ secretKey, association, record }: PairView): Omit<Wanted, "proposed"> {
  const { secret, spec, uid } = association.value;
  return { secretKey, secret, record, spec, association: uid };
}

function* knownSecrets(call: Call) {
  for (const one of operationsOf(call).knownSecrets()) {
    if (one.secret.namespace === call.caller.namespace) yield one;
  }
}

async function answerOf(
  call: Call,
  vault: VaultOfPlan,
  stored: DestinationRecord | undefined,
  wanted: readonly Wanted[],
  notes: readonly string[],
): Promise<Answer> {
  if (wanted.length > PAIRS_MAX) {
    throw badRequest(
      `it concerns ${wanted.length} secrets, more than the ${PAIRS_MAX} that are planned at once: narrow it by path`,
    );
  }
  const pairs = await withStates(call, inReadingOrder(wanted));
  const destination = { type: "azure-kv", name: vault.name };
  const change = { destination, pairs, taken: takenBy(call, stored, wanted) };
  const first = planChange(change);
  const looked = await lookAtNew(call, vault, first, wanted);
  const plan = looked.inVault === undefined ? first : planChange({ ...change, inVault: looked.inVault });
  const actions = plan.actions.filter(({ kind }) => kind !== "none").slice(0, ACTIONS_SHOWN);
  return {
    data: {
      counts: plan.counts,
      calls: plan.calls,
      seconds: plan.seconds,
      actions,
      notes: [...looked.notes, ...notes],
    },
  };
}

/** What lies there under the names that would be new; nothing is asked where there are none. */
async function lookAtNew(
  call: Call,
  vault: VaultOfPlan,
  { actions }: ChangePlan,
  wanted: readonly Wanted[],
): Promise<LookedAt> {
  const associations = new Map(
    wanted.map(({ secret, association }) => [`${secret.mount}/${secret.path}`, association]),
  );
  const names = actions.flatMap(({ kind, name, secret }) => {
    if (name === null || (kind !== "create" && kind !== "rename")) return [];
    const association = associations.get(secret);
    return [{ name, ...(association === undefined ? {} : { association }) }];
  });
  return lookForPlan(operationsOf(call).bus.vaultLooks, vault, names);
}

// Of two that wish one name the first gets it: so the order has to be the same each time.
function inReadingOrder(wanted: readonly Wanted[]): readonly Wanted[] {
  const nameOf = ({ secret }: Wanted): string => `${secret.mount}/${secret.path}`;
  return wanted.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

async function withStates(call: Call, wanted: readonly Wanted[]): Promise<readonly PlannedPair[]> {
  const { bus, source } = operationsOf(call);
  const pairs: PlannedPair[] = [];
  for (let at = 0; at < wanted.length; at += AT_ONCE) {
    call.signal.throwIfAborted();
    const chunk = wanted.slice(at, at + AT_ONCE);
    const events = await Promise.all(chunk.map(({ secretKey }) => bus.events.last(source, secretKey)));
    for (const [index, { secret, record, spec, proposed }] of chunk.entries()) {
      pairs.push({ secret, spec, proposed, state: events[index]?.value.state, names: namesOf(record) });
    }
  }
  return pairs;
}

function namesOf(record: SyncRecord | undefined): PlannedPair["names"] {
  return Object.values(record?.names ?? {})
    .filter(({ state }) => state === "live")
    .map(({ name, subKey, applied }) => ({
      name,
      ...(subKey === undefined ? {} : { subKey }),
      version: applied?.version,
    }));
}

// Names that other associations of the same vault hold, of other destinations too.
function takenBy(
  call: Call,
  stored: DestinationRecord | undefined,
  wanted: readonly Wanted[],
): ReadonlyMap<string, string> {
  const taken = new Map<string, string>();
  if (stored === undefined) return taken;
  const own = new Set(wanted.map(({ secretKey }) => secretKey));
  const vault = hostOf(stored);
  for (const pair of operationsOf(call).pairs.inNamespace(call.caller.namespace)) {
    if (hostOf(pair.destination) !== vault) continue;
    if (pair.destination.uid === stored.uid && own.has(pair.secretKey)) continue;
    for (const { name } of namesOf(pair.record)) taken.set(name.toLowerCase(), secretNameOf(pair));
  }
  return taken;
}

function hostOf({ connection: { keyVaultUri } }: DestinationRecord): string {
  return URL.canParse(keyVaultUri) ? new URL(keyVaultUri).hostname : keyVaultUri;
}

function onlyGiven(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
