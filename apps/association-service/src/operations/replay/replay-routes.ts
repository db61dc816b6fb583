// Owns: the paths of replay and resync: starting, rehearsing, listing, cancelling, resuming.

import type { OperationRecord } from "@keyferry/contracts";
import { authoriseWrite } from "../../gateway/call.ts";
import type { Answer, Call } from "../../gateway/call.ts";
import { absent, badRequest, Refusal } from "../../gateway/refusal.ts";
import type { AddRead, AddWrite } from "../../gateway/operation-table.ts";
import { readFields, uidOf } from "../fields.ts";
import { authorisedBody, operationsOf } from "../call-parts.ts";
import { type PairView, secretNameOf } from "../pairs.ts";
import { rehearse, type Rehearsal } from "./rehearse.ts";
import { type OperationAnswer, replayFieldsSchema, resyncFieldsSchema } from "./replay-schemas.ts";
import { selectPairs } from "./selection.ts";

const OPERATIONS = "/v1/sys/sync/operations";
// A rehearsal answers within the request: so many pairs take a few seconds.
const REHEARSED_MAX = 20_000;
const REHEARSED_AT_ONCE = 32;
const CHANGES_SHOWN = 200;

/** Registers them. */
export function addReplayRoutes({ read, write }: { readonly read: AddRead; readonly write: AddWrite }): void {
  const put: ["PUT", "POST"] = ["PUT", "POST"];
  read(OPERATIONS, "list", list);
  read(`${OPERATIONS}/:id`, "read", readOne);
  write(put, `${OPERATIONS}/replay`, (call) => start(call, "replay"));
  write(put, `${OPERATIONS}/resync`, (call) => start(call, "resync"));
  write(put, `${OPERATIONS}/:id/cancel`, (call) => change(call, "cancel"));
  write(put, `${OPERATIONS}/:id/resume`, (call) => change(call, "resume"));
  write(put, "/v1/sys/sync/plan/replay", (call) => rehearseAll(call, "replay"));
  write(put, "/v1/sys/sync/plan/resync", (call) => rehearseAll(call, "resync"));
}

async function start(call: Call, kind: OperationRecord["kind"]): Promise<Answer> {
  const options = await optionsOf(call, kind, await authorisedBody(call));
  const record = await operationsOf(call).store.create(kind, options);
  return { data: answerOf(call, record) };
}

async function list(call: Call): Promise<Answer> {
  const records = await operationsOf(call).store.list(call.caller.namespace, call.signal);
  if (records.length === 0) throw absent();
  const operations = records.map((record) => answerOf(call, record));
  return { data: { keys: operations.map(({ id }) => id), operations } };
}

async function readOne(call: Call): Promise<Answer> {
  const entry = await operationsOf(call).store.find(call.caller.namespace, idOf(call));
  if (entry === undefined) throw noSuch(call);
  return { data: answerOf(call, entry.value) };
}

async function change(call: Call, what: "cancel" | "resume"): Promise<Answer> {
  await authoriseWrite(call, "create", "update");
  const record = await operationsOf(call).store[what](call.caller.namespace, idOf(call));
  if (record === undefined) throw noSuch(call);
  return { data: answerOf(call, record) };
}

function noSuch(call: Call): Refusal {
  return new Refusal(404, [`there is no operation ${idOf(call)}: LIST sys/sync/operations shows the ids`]);
}

async function rehearseAll(call: Call, kind: OperationRecord["kind"]): Promise<Answer> {
  const { signal } = call;
  const parts = operationsOf(call);
  const options = await optionsOf(call, kind, await authorisedBody(call));
  const pairs = await selectPairs(parts, kind, options, signal);
  if (pairs.length > REHEARSED_MAX) {
    throw badRequest(
      `it concerns ${pairs.length} pairs, more than the ${REHEARSED_MAX} that are rehearsed at once: narrow it by destination, mount or path`,
    );
  }
  // As a person reads them, and the same each time.
  const ordered = pairs.toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
  const counts = { sync: 0, unsync: 0, hold: 0, ask: 0, nothing: 0 };
  const changes: Rehearsal[] = [];
  for (let at = 0; at < pairs.length; at += REHEARSED_AT_ONCE) {
    signal.throwIfAborted();
    const chunk = ordered.slice(at, at + REHEARSED_AT_ONCE);
    for (const one of await Promise.all(chunk.map((pair) => rehearse(parts.rehearsal, pair)))) {
      counts[one.would] += 1;
      if (one.would !== "nothing" && changes.length < CHANGES_SHOWN) changes.push(one);
    }
  }
  return { data: { pairs: pairs.length, counts, changes } };
}

function orderOf(pair: PairView): string {
  return `${secretNameOf(pair)}\n${pair.destination.name}`;
}

async function optionsOf(
  call: Call,
  kind: OperationRecord["kind"],
  body: Readonly<Record<string, unknown>>,
): Promise<OperationRecord["options"]> {
  const fields: OptionFields =
    kind === "replay" ? readFields(replayFieldsSchema, body) : readFields(resyncFieldsSchema, body);
  const destination = await uidOf(call, fields.destination);
  const { namespace } = call.caller;
  return {
    namespace,
    ...(destination === undefined ? {} : { destination }),
    ...(fields.mount === undefined ? {} : { mount: fields.mount.replace(/\/+$/, "") }),
    ...(fields.path === undefined ? {} : { path: fields.path }),
    ...(fields.per_second === undefined ? {} : { perSecond: fields.per_second }),
    ...(kind === "replay" ? await spanOf(call, fields) : {}),
  };
}

interface OptionFields {
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  readonly destination?: string | undefined;
  readonly mount?: string | undefined;
  readonly path?: string | undefined;
  readonly per_second?: number | undefined;
}

// A log that begins later than the time asked for has lost what it would have to replay.
async function spanOf(
  call: Call,
  { since, until }: { since?: number | undefined; until?: number | undefined },
): Promise<{ since: string; until?: string; through: number }> {
  if (since === undefined)
    throw badRequest("since is missing: send the time from which changes are replayed");
  if (until !== undefined && until <= since) throw badRequest("until is not after since: exchange them");
  if (since > Date.now())
    throw badRequest("since lies in the future: send the time from which changes are replayed");
  const { created, lastSequence } = await operationsOf(call).bus.events.extent();
  if (since < created) {
    throw badRequest(
      `the event log begins at ${new Date(created).toISOString()}, later than since: use resync, which goes by the current state of every secret, or a later time`,
    );
  }
  return {
    since: new Date(since).toISOString(),
    ...(until === undefined ? {} : { until: new Date(until).toISOString() }),
    through: lastSequence,
  };
}

function idOf({ request }: Call): string {
  return (request.params as { readonly id: string }).id;
}

function answerOf(call: Call, record: OperationRecord): OperationAnswer {
  const { id, kind, state, options, progress, worker, message, createdAt, updatedAt } = record;
  const { destination } = options;
  const row = destination === undefined ? undefined : call.parts.destinations.byUid(destination);
  return {
    id,
    kind,
    state,
    since: options.since ?? null,
    until: options.until ?? null,
    destination: row?.entry.value.name ?? destination ?? null,
    mount: options.mount ?? null,
    path: options.path ?? null,
    progress,
    worker: worker?.id ?? null,
    message,
    created_at: createdAt,
    updated_at: updatedAt,
  };
}
