// Owns: the paths of operating below /v1/sys/sync: status, history, operations. What each takes and answers is described
// in described.ts; a test holds the two together.

import { readNamedSecret } from "../associations/resolve-secret.ts";
import type { Answer, Call } from "../gateway/call.ts";
import { Refusal } from "../gateway/refusal.ts";
import type { AddRead, AddWrite } from "../gateway/operation-table.ts";
import { operationsOf } from "./call-parts.ts";
import { destinationNamed, readFields, uidOf } from "./fields.ts";
import { feedQuerySchema, historyQuerySchema } from "./history/history-fields.ts";
import type { FeedPlace, HistoryFilter } from "./history/history.ts";
import { addAdoptRoutes } from "./adopt/adopt-routes.ts";
import { addDoctorRoutes } from "./doctor/doctor-routes.ts";
import { addDriftRoutes } from "./drift/drift-routes.ts";
import { exportAll } from "./export/export-all.ts";
import { addLetterRoutes } from "./letters/letter-routes.ts";
import { addOrphanRoutes } from "./orphans/orphans.ts";
import { addPlanRoutes } from "./plan/plan-routes.ts";
import { policy } from "./policies/policy-routes.ts";
import { addReplayRoutes } from "./replay/replay-routes.ts";
import { addSourceRoutes } from "./source/source-routes.ts";
import { readOverview } from "./status/overview.ts";
import { traceSecret } from "./status/secret-trace.ts";

const SYNC = "/v1/sys/sync";
const HISTORY_ENTRIES = 50;
const UNFILTERED_SPAN_MS = 86_400_000; // history of everything goes back a day unless another time is asked for
// Shorter than the time that a request may take.
const FEED_WAIT_S = 8;

/** Registers them. */
export function addOperationRoutes(table: { readonly read: AddRead; readonly write: AddWrite }): void {
  const { read } = table;
  read(`${SYNC}/status`, "read", status);
  read(`${SYNC}/status/secret`, "read", secretStatus);
  read(`${SYNC}/status/destinations/azure-kv/:name`, "read", destinationStatus);
  read(`${SYNC}/history`, "read", history);
  read(`${SYNC}/history/feed`, "read", feed);
  addReplayRoutes(table);
  addPlanRoutes(table);
  addAdoptRoutes(table);
  addLetterRoutes(table);
  addDriftRoutes(table);
  addOrphanRoutes(table);
  addSourceRoutes(table);
  read(`${SYNC}/policies/:role`, "read", policy);
  read(`${SYNC}/export`, "read", exportAll);
  addDoctorRoutes(table);
}

async function status(call: Call): Promise<Answer> {
  const { overview } = operationsOf(call);
  return { data: await readOverview(overview, call.caller.namespace, undefined, call.signal) };
}

async function destinationStatus(call: Call): Promise<Answer> {
  const { name } = call.request.params as { readonly name: string };
  const destination = await destinationNamed(call, name);
  const { overview } = operationsOf(call);
  return { data: await readOverview(overview, call.caller.namespace, destination, call.signal) };
}

async function secretStatus(call: Call): Promise<Answer> {
  const { caller, signal } = call;
  const { bus, source, pairs, keysOf } = operationsOf(call);
  const { mount, path } = readNamedSecret(call.request.query as Readonly<Record<string, unknown>>);
  await pairs.caughtUp(signal);
  const keys = await keysOf({ namespace: caller.namespace, mount, path }, signal);
  const events = await Promise.all(keys.map((key) => bus.events.last(source, key)));
  const found = pairs.ofPath(caller.namespace, mount, path);
  const event = events.find((one) => one !== undefined);
  if (event === undefined && found.length === 0) {
    throw new Refusal(404, [
      `nothing is known of ${mount}/${path}: it is not associated, and the change-detector has not seen it. Check mount and path.`,
    ]);
  }
  return { data: traceSecret({ mount, path, event, pairs: found }) };
}

async function history(call: Call): Promise<Answer> {
  const fields = readFields(historyQuerySchema, call.request.query);
  const { history } = operationsOf(call);
  const filter = await filterOf(call, fields);
  const since = fields.since ?? (filter.secret === undefined ? Date.now() - UNFILTERED_SPAN_MS : undefined);
  const limit = fields.limit ?? HISTORY_ENTRIES;
  const { entries, complete } = await history.read(
    { ...filter, since, until: fields.until },
    limit,
    call.signal,
  );
  return { data: { entries, complete } };
}

async function feed(call: Call): Promise<Answer> {
  const fields = readFields(feedQuerySchema, call.request.query);
  const { history } = operationsOf(call);
  const filter = await filterOf(call, fields);
  const place = fields.after === undefined ? undefined : fields.after;
  if (place === undefined) return { data: { entries: [], cursor: cursorOf(await history.now()) } };
  const waitMs = (fields.wait_s ?? FEED_WAIT_S) * 1_000;
  const news = await history.follow(filter, place, waitMs, call.signal);
  return { data: { entries: news.entries, cursor: cursorOf(news.place) } };
}

async function filterOf(
  call: Call,
  fields: { mount?: string | undefined; secret_name?: string | undefined; destination?: string | undefined },
): Promise<HistoryFilter> {
  const { namespace } = call.caller;
  const destination = await uidOf(call, fields.destination);
  if (fields.mount === undefined && fields.secret_name === undefined) return { namespace, destination };
  const named = readNamedSecret(fields);
  const keys = await operationsOf(call).keysOf({ namespace, ...named }, call.signal);
  return { namespace, destination, secret: { ...named, keys } };
}

function cursorOf({ events, results }: FeedPlace): string {
  return `${events}.${results}`;
}
