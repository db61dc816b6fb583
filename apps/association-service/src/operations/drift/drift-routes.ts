// Owns: the paths of drift: asking the sinks for a look at a whole vault, and what the last look found.

import { KeyferryError } from "@keyferry/errors";
import type { DriftReport, DriftRequest, Uid } from "@keyferry/contracts";
import type { Answer, Call } from "../../gateway/call.ts";
import type { AddRead, AddWrite } from "../../gateway/operation-table.ts";
import { Refusal } from "../../gateway/refusal.ts";
import { authorisedBody, operationsOf } from "../call-parts.ts";
import { destinationNamed, readFields } from "../fields.ts";
import { driftRepairFieldsSchema } from "./drift-schemas.ts";

const DRIFT = "/v1/sys/sync/drift/azure-kv/:name";
const ATTEMPTS_MAX = 5;

/** Registers them. */
export function addDriftRoutes({ read, write }: { readonly read: AddRead; readonly write: AddWrite }): void {
  read(DRIFT, "read", lastReport);
  write(["PUT", "POST"], `${DRIFT}/check`, (call) => request(call, "check"));
  write(["PUT", "POST"], `${DRIFT}/repair`, (call) => request(call, "repair"));
}

async function lastReport(call: Call): Promise<Answer> {
  const { uid, name } = await destinationNamed(call, nameOf(call));
  const report = await operationsOf(call).bus.driftReports.get(`drift-report.${uid}`);
  if (report === undefined) throw new Refusal(404, [`${name} was not looked at yet: ask for a check`]);
  return { data: answerOf(name, report.value) };
}

async function request(call: Call, mode: "check" | "repair"): Promise<Answer> {
  const body = await authorisedBody(call);
  const fields = mode === "repair" ? readFields(driftRepairFieldsSchema, body) : {};
  const many = fields.even_if_many === true ? { evenIfMany: true as const } : {};
  return { data: await requestLook(call, await destinationNamed(call, nameOf(call)), { mode, ...many }) };
}

/** Asks the sinks for a look; what is told of it is how its report is known. */
export async function requestLook(
  call: Call,
  { uid, name }: { readonly uid: Uid; readonly name: string },
  wish: Pick<DriftRequest, "mode" | "collect" | "evenIfMany">,
) {
  const { bus, clock } = operationsOf(call);
  const key = `drift-request.${uid}`;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const before = await bus.driftRequests.get(key);
    const requestedAt = new Date(clock.now()).toISOString();
    const record = { major: 1 as const, destination: uid, ...wish, requestedAt };
    const result = await bus.driftRequests.put(key, record, before?.sequence ?? 0);
    if (result.kind === "stored") {
      return { destination: name, mode: wish.mode, requested_at: requestedAt };
    }
  }
  throw new KeyferryError("conflict", "Others keep asking for a look at this vault");
}

function nameOf({ request: { params } }: Call): string {
  return (params as { readonly name: string }).name;
}

function answerOf(destination: string, report: DriftReport) {
  const { requestedAt, startedAt, finishedAt, mode, listed, owned, counts, findings, onlyReported, failure } =
    report;
  return {
    destination,
    requested_at: requestedAt,
    started_at: startedAt,
    finished_at: finishedAt,
    mode,
    listed,
    owned,
    counts,
    findings: findings.map(({ name, kind, secret, action, detail }) => ({
      name,
      kind,
      secret: secret === null ? null : `${secret.mount}/${secret.path}`,
      action,
      detail,
    })),
    only_reported: onlyReported,
    failure,
  };
}
