// Owns: the paths of rules and of held deletes, which Vault does not have: what right each takes and what it answers.

import type { RuleRecord } from "@keyferry/contracts";
import type { Capability } from "../authorise/authorise.ts";
import { heldAnswer, heldListAnswer, readApproval } from "../permits/held-answers.ts";
import { ruleAnswer, ruleListAnswer } from "../rules/rule-answers.ts";
import { readRuleFields } from "../rules/rule-fields.ts";
import { ruleUidOf } from "@keyferry/naming";
import { type Answer, authoriseWrite, bodyOf, type Call } from "./call.ts";
import { identityOf, requireName } from "./destination-identity.ts";
import type { AddRead, AddWrite } from "./operation-table.ts";
import { absent, Refusal } from "./refusal.ts";

const RULES = "/v1/sys/sync/rules/:type/:destination";
const RULE = `${RULES}/:rule`;
const HELD = "/v1/sys/sync/held";

/** Registers them. */
export function addRuleRoutes({ read, write }: { readonly read: AddRead; readonly write: AddWrite }): void {
  read(RULES, "list", listRules);
  read(RULE, "read", readRule);
  write(["PUT", "POST"], RULE, (call) => writeRule(call, "replace"));
  write(["PATCH"], RULE, (call) => writeRule(call, "merge"));
  write(["DELETE"], RULE, deleteRule);
  read(HELD, "read", readHeld);
  read(`${HELD}/:type/:destination`, "read", readHeldOf);
  write(["PUT", "POST"], `${HELD}/:type/:destination/approve`, approveHeld);
}

async function listRules(call: Call): Promise<Answer> {
  const destination = await destinationOf(call);
  const { rules, effective } = call.parts;
  const data = ruleListAnswer(rules.ofDestination(destination.uid), effective);
  if (data === undefined) throw absent();
  return { data };
}

async function readRule(call: Call): Promise<Answer> {
  const destination = await destinationOf(call);
  const { rule: name = "" } = call.request.params as { readonly rule?: string };
  const entry = call.parts.rules.get(ruleUidOf(destination.uid, name));
  if (entry === undefined) throw absent();
  return answerOf(call, entry.value, destination.name);
}

// A rule reaches secrets that its writer may not read, so it takes more than a right on its path (hazard rule-as-deputy).
async function writeRule(call: Call, mode: "replace" | "merge"): Promise<Answer> {
  const right: readonly Capability[] = mode === "merge" ? ["patch"] : ["create", "update"];
  await authoriseSudo(call, right);
  const identity = identityOf(call, 404);
  const name = ruleNameOf(call);
  const { fields, ignored } = readRuleFields(bodyOf(call.request));
  const { value, sequence } = await call.parts.ruleWriter.write(identity, name, { mode, fields });
  await call.parts.rules.reached(sequence, call.signal);
  const answer = await answerOf(call, value, identity.name);
  if (ignored.length === 0) return answer;
  return { ...answer, warnings: [`Endpoint ignored these unrecognized parameters: [${ignored.join(" ")}]`] };
}

async function deleteRule(call: Call): Promise<Answer> {
  await authoriseSudo(call, ["delete"]);
  const identity = identityOf(call, 404);
  const sequence = await call.parts.ruleWriter.remove(identity, ruleNameOf(call));
  await call.parts.rules.reached(sequence, call.signal);
  return undefined;
}

async function authoriseSudo(
  { caller, parts, path, signal }: Call,
  anyOf: readonly Capability[],
): Promise<void> {
  const rights = [
    { path, anyOf },
    { path, anyOf: ["sudo"] as const },
  ];
  await parts.authoriser.write(caller, rights, signal);
}

async function answerOf({ parts, signal }: Call, rule: RuleRecord, destination: string) {
  await parts.effective.caughtUp(signal);
  return { data: ruleAnswer(rule, destination, parts) };
}

function ruleNameOf({ request }: Call): string {
  const { rule = "" } = request.params as { readonly rule?: string };
  return requireName("the rule's name", rule);
}

async function destinationOf(call: Call) {
  const identity = identityOf(call, 404);
  await call.parts.effective.caughtUp(call.signal);
  const row = call.parts.destinations.byName(identity);
  if (row === undefined) throw absent();
  return row.entry.value;
}

async function readHeld(call: Call): Promise<Answer> {
  const { caller, parts, signal } = call;
  await parts.destinations.caughtUp(signal);
  const sets = [];
  for (const { entry } of parts.destinations.inNamespace(caller.namespace)) {
    const { name, uid } = entry.value;
    sets.push({ name, held: await parts.approvals.listHeld(uid, signal) });
  }
  return { data: heldListAnswer(sets) };
}

async function readHeldOf(call: Call): Promise<Answer> {
  const { name, uid } = await destinationOf(call);
  const { approvals } = call.parts;
  const held = await approvals.listHeld(uid, call.signal);
  return { data: heldAnswer(name, held, await approvals.listStuck(uid, call.signal)) };
}

async function approveHeld(call: Call): Promise<Answer> {
  await authoriseWrite(call, "create", "update");
  const { name, uid } = await destinationOf(call);
  const digest = readApproval(bodyOf(call.request));
  const end = await call.parts.approvals.approveHeld(uid, digest, call.signal);
  if (end.kind === "approved") {
    return { data: { destination: name, digest, approved: end.approved, skipped: end.skipped } };
  }
  const { held } = end;
  throw new Refusal(409, [
    held.deletes.length === 0
      ? "nothing is held: what was held has been resolved otherwise"
      : `another set is held now: ${held.deletes.length} deletes with the digest ${held.digest}. Look at it, then approve that one`,
  ]);
}
