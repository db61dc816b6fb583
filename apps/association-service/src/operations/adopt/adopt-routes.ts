// Owns: the paths of adoptions: which refused secrets could take over what lies under their names, and the order to.

import { type DestinationRecord, LOOK_PAIRS_MAX } from "@keyferry/contracts";
import type { z } from "zod";
import type { Answer, Call } from "../../gateway/call.ts";
import type { AddWrite } from "../../gateway/operation-table.ts";
import { badRequest, Refusal, unavailable } from "../../gateway/refusal.ts";
import { authorisedBody, operationsOf } from "../call-parts.ts";
import { destinationNamed, readFields } from "../fields.ts";
import { type PairView, secretNameOf, statusOfPair } from "../pairs.ts";
import {
  type AdoptionPlan,
  type Candidate,
  isTakenOver,
  leavesOf,
  planAdoption,
  unseen,
} from "./adoption.ts";
import { adoptFieldsSchema, adoptPlanFieldsSchema, type adoptPlanSchema } from "./adopt-schemas.ts";

const ADOPT = "/v1/sys/sync/adopt/azure-kv/:name";
// Within the patience of a request.
const WAIT_MS = 10_000;

/** Registers them. */
export function addAdoptRoutes({ write }: { readonly write: AddWrite }): void {
  write(["PUT", "POST"], `${ADOPT}/plan`, showAdoption);
  write(["PUT", "POST"], ADOPT, orderAdoption);
}

interface Looked extends AdoptionPlan {
  readonly looked: boolean;
  readonly total: number;
  readonly notes: readonly string[];
}

async function showAdoption(call: Call): Promise<Answer> {
  const { secrets, compare } = readFields(adoptPlanFieldsSchema, await authorisedBody(call));
  const destination = await destinationNamed(call, nameOf(call));
  const plan = await lookAt(call, destination, secrets, compare === true);
  return { data: answerOf(destination.name, plan) };
}

async function orderAdoption(call: Call): Promise<Answer> {
  const fields = readFields(adoptFieldsSchema, await authorisedBody(call));
  const { digest, secrets, compare } = fields;
  const destination = await destinationNamed(call, nameOf(call));
  const { name, uid } = destination;
  if (digest === undefined || digest === "") {
    throw badRequest(`digest is missing: send the one that sys/sync/adopt/azure-kv/${name}/plan shows`);
  }
  const plan = await lookAt(call, destination, secrets, compare === true);
  if (!plan.looked) throw unavailable(`nothing was taken over: ${plan.notes.join("; ")}`);
  if (plan.digest !== digest) {
    throw new Refusal(409, [
      `what lies there is not what was looked at any more: its digest is ${plan.digest}. Look at the plan, then order that one`,
    ]);
  }
  const ordered: string[] = [];
  const skipped: string[] = [];
  for (const [secretKey, leave] of leavesOf(plan)) {
    const secret = plan.rows.find((row) => row.secretKey === secretKey)?.secret ?? "";
    const kind = await operationsOf(call).adopt({ destination: uid, secretKey }, leave, call.signal);
    (kind === "published" ? ordered : skipped).push(secret);
  }
  return { data: { destination: name, digest, ordered, skipped } };
}

async function lookAt(
  call: Call,
  destination: DestinationRecord,
  secrets: readonly string[] | undefined,
  compare: boolean,
): Promise<Looked> {
  const { bus, pairs } = operationsOf(call);
  await pairs.caughtUp(call.signal);
  const all = candidatesOf(call, destination, secrets);
  const candidates = all.slice(0, LOOK_PAIRS_MAX);
  const total = all.length;
  const notes =
    total > LOOK_PAIRS_MAX ? [`${total} secrets are refused; these are the first ${LOOK_PAIRS_MAX}`] : [];
  if (total === 0) return { ...planAdoption([], [], []), looked: true, total, notes };
  const reply = await bus.vaultLooks.ask({
    major: 1,
    kind: "pairs",
    destination: destination.name,
    uid: destination.uid,
    pairs: candidates.map(({ secretKey }) => secretKey),
    compare,
    waitMs: WAIT_MS,
  });
  const failure = reply === undefined ? `no azure-sink answered within ${WAIT_MS / 1_000} s` : reply.failure;
  if (reply === undefined || failure !== null) {
    return { ...unseen(candidates), looked: false, total, notes: [...notes, failure ?? ""] };
  }
  return { ...planAdoption(candidates, reply.names, reply.notLooked), looked: true, total, notes };
}

// Those that ended refused as a name is somebody else's; a person who names others is told how they are.
function candidatesOf(
  call: Call,
  { uid, name }: DestinationRecord,
  secrets: readonly string[] | undefined,
): readonly Candidate[] {
  const { pairs } = operationsOf(call);
  const found = [...pairs.inNamespace(call.caller.namespace, { destination: uid })];
  const named = secrets?.map((secret) => secret.replace(/^\/+|\/+$/g, ""));
  const wanted = named === undefined ? found : found.filter((pair) => named.includes(secretNameOf(pair)));
  const unknown = named?.filter((secret) => !wanted.some((pair) => secretNameOf(pair) === secret)) ?? [];
  const wrong = named === undefined ? [] : wanted.filter((pair) => !isForeign(pair));
  const complaints = [
    ...unknown.map((secret) => `${secret} is not associated with ${name}: associate it first`),
    ...wrong.map((pair) => {
      const { status, reason } = statusOfPair(pair);
      return `${secretNameOf(pair)} is not refused for a name that is somebody else's: it is ${status} (${reason})`;
    }),
  ];
  if (complaints.length > 0) throw badRequest(...complaints);
  return wanted
    .filter(isForeign)
    .map((pair) => ({
      secretKey: pair.secretKey,
      secret: secretNameOf(pair),
      reason: statusOfPair(pair).reason,
    }))
    .sort((a, b) => (a.secret < b.secret ? -1 : 1));
}

function isForeign(pair: PairView): boolean {
  const outcome = pair.record?.outcome;
  return (
    outcome?.kind === "refused" &&
    outcome.error.code === "foreign-owner" &&
    statusOfPair(pair).status !== "PENDING"
  );
}

function answerOf(destination: string, plan: Looked): z.infer<typeof adoptPlanSchema> {
  const { rows, digest, looked, total, notes } = plan;
  return {
    destination,
    looked,
    digest,
    total,
    rows: rows.map(({ secret, name, would, why, seen }) => ({
      secret,
      name,
      would,
      why,
      there: seen?.there ?? null,
      whose: seen?.whose ?? null,
      created_at: seen?.createdOn === undefined ? null : new Date(seen.createdOn).toISOString(),
      enabled: seen?.enabled ?? null,
      content_type: seen?.contentType ?? null,
      tags: [...(seen?.tags ?? [])].sort(),
      value: seen?.value ?? null,
    })),
    notes: [...notes, ...(rows.some(({ would }) => isTakenOver(would)) ? [TAGS_NOTE] : [])],
  };
}

const TAGS_NOTE =
  "What is taken over carries the association's tags and Keyferry's mark from then on, and goes with its association.";

function nameOf({ request: { params } }: Call): string {
  return (params as { readonly name: string }).name;
}
